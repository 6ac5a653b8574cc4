import { UsageError } from '../core/errors.js';
import { connectAws } from '../publish/connect-aws.js';
import { awsAccessOf, type AwsArgs } from './aws-session.js';
import { checkJson, readEvent } from './event-input.js';
import type { Io } from './io.js';
import { payloadOf } from './payload.js';

/** Flags of `invoke --remote`. */
export interface RemoteArgs extends AwsArgs {
  readonly remote: string;
  readonly layers: readonly string[];
  readonly function: string | undefined;
  readonly region: string | undefined;
  readonly event: string | undefined;
  readonly http: string | undefined;
  readonly clientContext: string | undefined;
  readonly repeat: number;
  readonly json: boolean;
}

/** Invokes a function on Lambda. Prints its response on stdout and the end of its log on stderr. Sets exit code 1 if it fails. */
export async function invokeRemotely(io: Io, args: RemoteArgs, outcome: { exitCode: number }): Promise<void> {
  const { remote, clientContext, json } = args;
  if (args.layers.length > 0 || args.function !== undefined || args.repeat !== 1)
    throw new UsageError('--remote invokes a function on Lambda once, with its own layers', {
      hint: 'Leave out the layers, --function and --repeat.',
    });
  if (args.http !== undefined)
    throw new UsageError('--http invokes a local function', {
      hint: 'Send the request to the function URL or API of the function on Lambda, for example with curl.',
    });
  if (clientContext !== undefined) checkJson('--client-context', clientContext);
  const event = await readEvent(io, args.event ?? '{}');
  const access = awsAccessOf(io, args);
  const { functions } = await connectAws(args.region, { access, signal: io.signal });
  const { status, payload, functionError, logTail } = await functions.invoke(remote, event, clientContext);
  if (json) {
    const log = logTail.split('\n').filter((line) => line !== '');
    const report = log.findLast((line) => line.startsWith('REPORT '));
    io.out(`${JSON.stringify({ status, functionError, ...payloadOf(payload), report, log })}\n`);
  } else {
    if (logTail !== '') io.err(logTail.endsWith('\n') ? logTail : `${logTail}\n`);
    await io.outBytes(payload);
    if (io.outIsTerminal) io.out('\n');
  }
  if (functionError !== undefined) {
    io.err(`the function failed: ${functionError}\n`);
    outcome.exitCode = 1;
  }
}
