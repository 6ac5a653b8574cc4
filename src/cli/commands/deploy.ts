import { resolve } from 'node:path';
import type { Argv } from 'yargs';
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

/** `layersmith deploy`: a function zip as a function that can be invoked. */
export function deployCommand(io: Io): Command {
  return command({
    builder: (yargs: Argv) =>
      yargs
        .positional('zip', {
          type: 'string',
          demandOption: true,
          describe: 'The function, as `package function` makes it',
        })
        .options({
          name: { type: 'string', requiresArg: true, demandOption: true, describe: "The function's name" },
          handler: {
            type: 'string',
            requiresArg: true,
            describe:
              'The handler: hello is src/hello.php [default: the one it has; required for a new function]',
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
              'ARN of the role that it runs as [default: what it has, or NAME-role, made if there is none]',
          },
          runtime: {
            type: 'string',
            requiresArg: true,
            describe: 'The Lambda runtime [default: what it has, or provided.al2023]',
          },
          arch: {
            choices: ARCHITECTURES,
            requiresArg: true,
            describe: 'The architecture [default: what it has, or x86_64]',
          },
          memory: { type: 'number', requiresArg: true, describe: 'In MiB, from 128 to 10240' },
          timeout: { type: 'number', requiresArg: true, describe: 'In seconds, up to 900' },
          env: {
            type: 'string',
            requiresArg: true,
            array: true,
            describe:
              'A variable of the function, NAME=VALUE; repeatable; together they replace those it has',
          },
          ...regionOption,
          ...bucketOption,
          ...awsOptions,
          ...jsonOption,
        })
        .example('$0 deploy dist/hello.zip --name hello --handler hello --layer ARN --layer ARN', '')
        .example('$0 deploy dist/hello.zip --name hello', 'Only the code changed')
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
