import { resolve } from 'node:path';
import type { Argv } from 'yargs';
import { FUNCTION_MEMORY_MB, FUNCTION_TIMEOUT_SECONDS } from '../../core/lambda-limits.js';
import { kindOfCode } from '../../tree/code-tree.js';
import { ARCHITECTURES } from '../../platform/platform.js';
import { connectAws } from '../../publish/connect-aws.js';
import { checkDeployment, deployFunction } from '../../publish/deploy-function.js';
import { bucketOf } from '../../publish/regions.js';
import { readZipFile } from '../../tree/zip-file.js';
import { awsAccessOf } from '../aws-session.js';
import { command, type Command } from '../command.js';
import { variableOf } from '../function-session.js';
import type { Io } from '../io.js';
import { awsOptions, bucketOption, jsonOption, regionOption } from '../options.js';

/** Creates `layersmith deploy`: creates or updates a Lambda function from a function zip. */
export function deployCommand(io: Io): Command {
  return command({
    builder: (yargs: Argv) =>
      yargs
        .positional('zip', {
          type: 'string',
          demandOption: true,
          describe: 'Function zip, as written by `package function`',
        })
        .options({
          name: { type: 'string', requiresArg: true, demandOption: true, describe: "The function's name" },
          handler: {
            type: 'string',
            requiresArg: true,
            describe: 'Handler: hello is src/hello.php [default: unchanged; required for a new function]',
          },
          layer: {
            alias: 'l',
            type: 'string',
            requiresArg: true,
            array: true,
            describe: 'ARN of a layer version; repeatable, later ones replace files of earlier ones',
          },
          role: {
            type: 'string',
            requiresArg: true,
            describe:
              'ARN of the execution role [default: unchanged; for a new function NAME-role, created if missing]',
          },
          runtime: {
            type: 'string',
            requiresArg: true,
            describe: 'Lambda runtime [default: unchanged, or provided.al2023]',
          },
          arch: {
            choices: ARCHITECTURES,
            requiresArg: true,
            describe: 'Architecture [default: unchanged, or x86_64]',
          },
          memory: {
            type: 'number',
            requiresArg: true,
            describe: `Memory in MiB, from ${FUNCTION_MEMORY_MB.least} to ${FUNCTION_MEMORY_MB.most}`,
          },
          timeout: {
            type: 'number',
            requiresArg: true,
            describe: `Timeout in seconds, up to ${FUNCTION_TIMEOUT_SECONDS.most}`,
          },
          env: {
            type: 'string',
            requiresArg: true,
            array: true,
            describe: 'Environment variable, NAME=VALUE; repeatable; replaces all existing variables',
          },
          ...regionOption,
          ...bucketOption,
          ...awsOptions,
          ...jsonOption,
        })
        .example('$0 deploy dist/hello.zip --name hello --handler hello --layer ARN --layer ARN', '')
        .example('$0 deploy dist/hello.zip --name hello', 'Update the code only')
        .epilogue('An existing function keeps every setting that no flag names.'),
    handler: async (args) => {
      const settings = {
        handler: args.handler,
        runtime: args.runtime,
        architecture: args.arch,
        role: args.role,
        layers: args.layer,
        memoryMb: args.memory,
        timeoutSeconds: args.timeout,
        env: args.env === undefined ? undefined : Object.fromEntries(args.env.map(variableOf)),
      };
      checkDeployment(args.name, settings);
      const zip = await readZipFile(resolve(io.cwd, args.zip));
      await kindOfCode(zip.path, 'function');
      const access = awsAccessOf(io, args);
      const { region, functions, sendCode } = await connectAws(args.region, { access, signal: io.signal });
      const deployed = await deployFunction(args.name, {
        ...{ service: functions, settings, zip },
        code: () => sendCode(zip, bucketOf(args['s3-bucket'], region)),
        onDoing: (line) => {
          io.err(`${line}\n`);
        },
      });
      const { status, changed, arn } = deployed;
      io.err(`${status}${changed.length === 0 ? '' : ` (${changed.join(' and ')})`}, and active\n`);
      io.out(args.json ? `${JSON.stringify(deployed)}\n` : `${arn}\n`);
    },
  });
}
