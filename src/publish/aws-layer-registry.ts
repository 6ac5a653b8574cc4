import {
  AddLayerVersionPermissionCommand,
  DeleteLayerVersionCommand,
  GetLayerVersionCommand,
  ListLayerVersionsCommand,
  PublishLayerVersionCommand,
  type Architecture,
  type Runtime,
} from '@aws-sdk/client-lambda';
import { PublishError } from '../core/errors.js';
import type { AwsClients } from './aws-clients.js';
import { awsErrorName, translateAwsError, type AwsCall } from './aws-error.js';
import type { LayerRegistry, LayerVersion, Principal } from './layer-registry.js';

/** Creates the registry of Lambda's layers in the region of the clients. */
export async function awsLayerRegistry(clients: AwsClients, signal: AbortSignal): Promise<LayerRegistry> {
  const { lambda, lambdaOnce } = clients;
  const region = await regionOf(clients);
  const options = { abortSignal: signal };
  const calling = async <T>(call: AwsCall, send: () => Promise<T>): Promise<T> => {
    try {
      return await send();
    } catch (error) {
      signal.throwIfAborted();
      throw translateAwsError(error, call);
    }
  };
  return {
    region,
    async versions(name) {
      const call = { doing: `list the versions of ${name} in ${region}`, action: 'lambda:ListLayerVersions' };
      const found: LayerVersion[] = [];
      let marker: string | undefined;
      do {
        const page = await calling(call, () =>
          lambda
            .send(
              new ListLayerVersionsCommand({
                LayerName: name,
                ...(marker === undefined ? {} : { Marker: marker }),
              }),
              options,
            )
            .catch((error: unknown) => {
              if (awsErrorName(error) === 'ResourceNotFoundException') return undefined;
              throw error;
            }),
        );
        for (const one of page?.LayerVersions ?? []) found.push(versionOf(one));
        marker = page?.NextMarker;
      } while (marker !== undefined && marker !== '');
      return found.sort((a, b) => b.version - a.version);
    },
    async code(name, version) {
      const call = { doing: `look at ${name}:${version} in ${region}`, action: 'lambda:GetLayerVersion' };
      return calling(call, async () => {
        try {
          const input = { LayerName: name, VersionNumber: version };
          const { Content } = await lambda.send(new GetLayerVersionCommand(input), options);
          return { sha256: Content?.CodeSha256, signedWith: Content?.SigningProfileVersionArn };
        } catch (error) {
          if (awsErrorName(error) === 'ResourceNotFoundException') return undefined;
          throw error;
        }
      });
    },
    async publish({ name, description, license, runtimes, architectures }, code) {
      // Not translated: `publishLayer` uses these errors to decide whether to repeat the call.
      const answer = await lambdaOnce.send(
        new PublishLayerVersionCommand({
          LayerName: name,
          Description: description,
          ...(license === undefined ? {} : { LicenseInfo: license }),
          CompatibleRuntimes: runtimes as Runtime[],
          CompatibleArchitectures: architectures as Architecture[],
          Content:
            code.kind === 'direct' ? { ZipFile: code.bytes } : { S3Bucket: code.bucket, S3Key: code.key },
        }),
        options,
      );
      return { ...versionOf(answer), codeSha256: answer.Content?.CodeSha256 ?? '' };
    },
    async allow(name, version, principal) {
      const { id, input } = statementOf(principal);
      const call = {
        doing: `share ${name}:${version} in ${region}`,
        action: 'lambda:AddLayerVersionPermission',
      };
      await calling(call, async () => {
        try {
          await lambda.send(
            new AddLayerVersionPermissionCommand({
              ...{ LayerName: name, VersionNumber: version, StatementId: id },
              ...{ Action: 'lambda:GetLayerVersion', ...input },
            }),
            options,
          );
        } catch (error) {
          // The statement's id is derived from its content, so it exists already.
          if (awsErrorName(error) !== 'ResourceConflictException') throw error;
        }
      });
    },
    async remove(name, version) {
      const call = { doing: `delete ${name}:${version} in ${region}`, action: 'lambda:DeleteLayerVersion' };
      const input = { LayerName: name, VersionNumber: version };
      await calling(call, () => lambda.send(new DeleteLayerVersionCommand(input), options));
    },
  };
}

/** Returns the region of the clients. Throws PublishError if neither the user nor the SDK's chain provides one. */
export async function regionOf({ lambda }: AwsClients): Promise<string> {
  try {
    return await lambda.config.region();
  } catch (error) {
    throw translateAwsError(error, { doing: 'reach AWS', action: 'none' });
  }
}

function statementOf(principal: Principal): {
  readonly id: string;
  readonly input: { readonly Principal: string; readonly OrganizationId?: string };
} {
  switch (principal.kind) {
    case 'everyone':
      return { id: 'layersmith-everyone', input: { Principal: '*' } };
    case 'organization':
      return { id: `layersmith-${principal.id}`, input: { Principal: '*', OrganizationId: principal.id } };
    case 'account':
      return { id: `layersmith-${principal.id}`, input: { Principal: principal.id } };
  }
}

function versionOf(answer: {
  readonly LayerVersionArn?: string | undefined;
  readonly Version?: number | undefined;
  readonly CreatedDate?: string | undefined;
  readonly Description?: string | undefined;
}): LayerVersion {
  const { LayerVersionArn: arn, Version: version } = answer;
  if (arn === undefined || version === undefined)
    throw new PublishError('Lambda answered with a layer version that has no ARN', {
      hint: 'Check that --endpoint-url is that of Lambda.',
    });
  return { arn, version, createdAt: answer.CreatedDate ?? '', description: answer.Description ?? '' };
}
