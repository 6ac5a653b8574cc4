import { UsageError } from '../core/errors.js';
import type { AwsAccess } from '../publish/aws-access.js';
import type { RegionOutcome } from '../publish/regions.js';
import type { Io } from './io.js';

/** Flags that select the AWS credentials and the endpoint. */
export interface AwsArgs {
  readonly profile: string | undefined;
  readonly endpointUrl: string | undefined;
}

/** Returns how to reach AWS, from flags and environment. Throws UsageError for an invalid endpoint. */
export function awsAccessOf(io: Io, { profile, endpointUrl }: AwsArgs): AwsAccess {
  if (endpointUrl !== undefined && !URL.canParse(endpointUrl))
    throw new UsageError(`--endpoint-url: '${endpointUrl}' is not a valid URL`, {
      hint: 'For example: --endpoint-url http://127.0.0.1:5000.',
    });
  const stands = [endpointUrl, io.env['AWS_ENDPOINT_URL'], io.env['AWS_ENDPOINT_URL_S3']];
  return { profile, endpointUrl, isStandIn: stands.some((url) => url !== undefined && url !== '') };
}

/** Describes each failed region in one line, followed by its hint. */
export function describeFailures(outcomes: readonly RegionOutcome<unknown>[]): string {
  return outcomes
    .flatMap(({ error }) =>
      error === undefined
        ? []
        : [`error: ${error.message}`, ...(error.hint === undefined ? [] : [`  → ${error.hint}`])],
    )
    .map((line) => `${line}\n`)
    .join('');
}
