import {
  AttachRolePolicyCommand,
  CreateRoleCommand,
  GetRoleCommand,
  ListAttachedRolePoliciesCommand,
} from '@aws-sdk/client-iam';
import {
  CreateFunctionCommand,
  GetFunctionConfigurationCommand,
  GetLayerVersionCommand,
  InvokeCommand,
  UpdateFunctionCodeCommand,
  UpdateFunctionConfigurationCommand,
  waitUntilFunctionActiveV2,
  waitUntilFunctionUpdatedV2,
  type Architecture,
  type Runtime,
} from '@aws-sdk/client-lambda';
import { PublishError } from '../core/errors.js';
import type { AwsClients } from './aws-clients.js';
import { awsErrorName, isThrottled, translateAwsError } from './aws-error.js';
import { regionOf } from './aws-layer-registry.js';
import type { ExistingFunction, FunctionService, FunctionSettings } from './function-service.js';
import type { CodeLocation } from './layer-registry.js';
import { retrying } from './retrying.js';

/** How long a function may take to become active. */
const WAIT_SECONDS = 300;

/** Lambda returns this error until IAM has propagated a new role, which takes some seconds. */
const ROLE_NOT_READY = /role defined for the function cannot be assumed by Lambda/i;
const LOGS_POLICY = 'service-role/AWSLambdaBasicExecutionRole';
const TRUST_POLICY = {
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' }, Action: 'sts:AssumeRole' }],
};

/** Creates the service for Lambda's functions in the region of the clients, and for their roles. */
export async function awsFunctionService(clients: AwsClients, signal: AbortSignal): Promise<FunctionService> {
  const { lambda, lambdaOnce, iam } = clients;
  const region = await regionOf(clients);
  const options = { abortSignal: signal };
  const calling = async <T>(doing: string, action: string, send: () => Promise<T>): Promise<T> => {
    try {
      return await send();
    } catch (error) {
      signal.throwIfAborted();
      throw translateAwsError(error, { doing: `${doing} in ${region}`, action });
    }
  };
  return {
    region,
    find: (name) =>
      calling(`look at the function ${name}`, 'lambda:GetFunctionConfiguration', async () => {
        try {
          const found = await lambda.send(
            new GetFunctionConfigurationCommand({ FunctionName: name }),
            options,
          );
          return existingOf(found);
        } catch (error) {
          if (awsErrorName(error) === 'ResourceNotFoundException') return undefined;
          throw error;
        }
      }),
    create: (name, settings, code) =>
      calling(`create the function ${name}`, 'lambda:CreateFunction', async () => {
        const { role, architecture } = settings;
        const create = new CreateFunctionCommand({
          FunctionName: name,
          ...inputOf(settings),
          Role: role,
          Architectures: [architecture as Architecture],
          Code: codeInput(code),
        });
        const when = (error: unknown): boolean =>
          isThrottled(error) || (error instanceof Error && ROLE_NOT_READY.test(error.message));
        const made = await retrying(() => lambdaOnce.send(create, options), { when, signal });
        return made.FunctionArn ?? '';
      }),
    updateCode: (name, architecture, code) =>
      calling(`update the code of ${name}`, 'lambda:UpdateFunctionCode', async () => {
        await lambda.send(
          new UpdateFunctionCodeCommand({
            FunctionName: name,
            Architectures: [architecture as Architecture],
            ...codeInput(code),
          }),
          options,
        );
      }),
    updateSettings: (name, settings) =>
      calling(`update the settings of ${name}`, 'lambda:UpdateFunctionConfiguration', async () => {
        await lambda.send(
          new UpdateFunctionConfigurationCommand({ FunctionName: name, ...inputOf(settings) }),
          options,
        );
      }),
    layerArchitectures: (arn) =>
      calling(`look at the layer ${arn}`, 'lambda:GetLayerVersion', async () => {
        const end = arn.lastIndexOf(':');
        const input = { LayerName: arn.slice(0, end), VersionNumber: Number(arn.slice(end + 1)) };
        try {
          const { CompatibleArchitectures } = await lambda.send(new GetLayerVersionCommand(input), options);
          return CompatibleArchitectures ?? [];
        } catch (error) {
          if (awsErrorName(error) === 'ResourceNotFoundException') return undefined;
          throw error;
        }
      }),
    settled: (name) =>
      calling(`wait for the function ${name}`, 'lambda:GetFunction', async () => {
        const waiting = { client: lambda, maxWaitTime: WAIT_SECONDS, minDelay: 1, abortSignal: signal };
        try {
          await waitUntilFunctionActiveV2(waiting, { FunctionName: name });
          await waitUntilFunctionUpdatedV2(waiting, { FunctionName: name });
        } catch (error) {
          if (awsErrorName(error) === 'TimeoutError' || awsErrorName(error) === 'AbortError') throw error;
          const { StateReason, LastUpdateStatusReason } = await lambda.send(
            new GetFunctionConfigurationCommand({ FunctionName: name }),
            options,
          );
          const reason = LastUpdateStatusReason ?? StateReason;
          if (reason === undefined) throw error;
          throw new PublishError(`the function ${name} does not become active: ${reason}`, {
            hint: 'Check the function in the Lambda console.',
            cause: error,
          });
        }
      }),
    async ensureRole(name) {
      const found = await calling(`look at the role ${name}`, 'iam:GetRole', async () => {
        try {
          return (await iam.send(new GetRoleCommand({ RoleName: name }), options)).Role?.Arn;
        } catch (error) {
          if (awsErrorName(error).startsWith('NoSuchEntity')) return undefined;
          throw error;
        }
      });
      const arn =
        found ??
        (await calling(`create the role ${name}`, 'iam:CreateRole', async () => {
          const { Role } = await iam.send(
            new CreateRoleCommand({
              RoleName: name,
              AssumeRolePolicyDocument: JSON.stringify(TRUST_POLICY),
              Description: 'Created by layersmith for a Lambda function',
            }),
            options,
          );
          return Role?.Arn;
        }));
      if (arn === undefined)
        throw new PublishError(`the role ${name} has no ARN`, { hint: 'Name a role with --role.' });
      // An earlier run may have been stopped before it attached the policy.
      const policy = `arn:${arn.split(':')[1] ?? 'aws'}:iam::aws:policy/${LOGS_POLICY}`;
      await calling(`let the role ${name} write logs`, 'iam:AttachRolePolicy', async () => {
        const input = { RoleName: name };
        const { AttachedPolicies } = await iam.send(new ListAttachedRolePoliciesCommand(input), options);
        if (AttachedPolicies?.some(({ PolicyArn }) => PolicyArn === policy) === true) return;
        try {
          await iam.send(new AttachRolePolicyCommand({ ...input, PolicyArn: policy }), options);
        } catch (error) {
          if (!awsErrorName(error).startsWith('NoSuchEntity')) throw error;
          throw new PublishError(
            `cannot let the role ${name} write logs: the policy ${policy} does not exist`,
            {
              hint: 'Every AWS account has this managed policy. moto has it only when its server starts with MOTO_IAM_LOAD_MANAGED_POLICIES=true. Or name a role of your own with --role.',
              cause: error,
            },
          );
        }
      });
      return { arn, isNew: found === undefined };
    },
    invoke: (name, event, clientContext) =>
      calling(`invoke ${name}`, 'lambda:InvokeFunction', async () => {
        const invoke = new InvokeCommand({
          FunctionName: name,
          Payload: event,
          LogType: 'Tail',
          ...(clientContext === undefined
            ? {}
            : { ClientContext: Buffer.from(clientContext).toString('base64') }),
        });
        // Retry only a throttled call: a function must not run twice.
        const answer = await retrying(() => lambdaOnce.send(invoke, options), { when: isThrottled, signal });
        return {
          status: answer.StatusCode ?? 0,
          payload: Buffer.from(answer.Payload ?? []),
          functionError: answer.FunctionError,
          logTail: Buffer.from(answer.LogResult ?? '', 'base64').toString('utf8'),
        };
      }),
  };
}

function inputOf(settings: FunctionSettings) {
  const { handler, runtime, role, layers, memoryMb, timeoutSeconds, env } = settings;
  return {
    ...(handler === undefined ? {} : { Handler: handler }),
    ...(runtime === undefined ? {} : { Runtime: runtime as Runtime }),
    ...(role === undefined ? {} : { Role: role }),
    ...(layers === undefined ? {} : { Layers: [...layers] }),
    ...(memoryMb === undefined ? {} : { MemorySize: memoryMb }),
    ...(timeoutSeconds === undefined ? {} : { Timeout: timeoutSeconds }),
    ...(env === undefined ? {} : { Environment: { Variables: { ...env } } }),
  };
}

function codeInput(code: CodeLocation) {
  return code.kind === 'direct' ? { ZipFile: code.bytes } : { S3Bucket: code.bucket, S3Key: code.key };
}

function existingOf(found: {
  readonly FunctionArn?: string | undefined;
  readonly Handler?: string | undefined;
  readonly Runtime?: string | undefined;
  readonly Role?: string | undefined;
  readonly Layers?: readonly { readonly Arn?: string | undefined }[] | undefined;
  readonly MemorySize?: number | undefined;
  readonly Timeout?: number | undefined;
  readonly Environment?: { readonly Variables?: Record<string, string> | undefined } | undefined;
  readonly Architectures?: readonly string[] | undefined;
  readonly CodeSha256?: string | undefined;
}): ExistingFunction {
  return {
    arn: found.FunctionArn ?? '',
    handler: found.Handler ?? '',
    runtime: found.Runtime ?? '',
    role: found.Role ?? '',
    layers: (found.Layers ?? []).flatMap(({ Arn }) => (Arn === undefined ? [] : [Arn])),
    memoryMb: found.MemorySize,
    timeoutSeconds: found.Timeout,
    env: found.Environment?.Variables ?? {},
    architecture: found.Architectures?.[0] ?? 'x86_64',
    codeSha256: found.CodeSha256 ?? '',
  };
}
