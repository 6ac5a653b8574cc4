import { IAMClient } from '@aws-sdk/client-iam';
import { LambdaClient } from '@aws-sdk/client-lambda';
import { S3Client } from '@aws-sdk/client-s3';
import type { AwsAccess } from './aws-access.js';

/** The SDK's number of attempts for throttled calls, service errors and broken connections. */
const ATTEMPTS = 6;

/** The clients of one region. */
export interface AwsClients {
  readonly lambda: LambdaClient;
  /** For calls that must not be repeated blindly. Each is tried once. */
  readonly lambdaOnce: LambdaClient;
  readonly s3: S3Client;
  readonly iam: IAMClient;
}

/** Returns the settings that all clients of a region share. */
export function clientSettings(region: string | undefined, { profile, endpointUrl }: AwsAccess) {
  return {
    ...(region === undefined ? {} : { region }),
    ...(profile === undefined ? {} : { profile }),
    ...(endpointUrl === undefined ? {} : { endpoint: endpointUrl }),
    maxAttempts: ATTEMPTS,
  };
}

/** Creates the clients of a region. Undefined means the region that the SDK's default chain finds. */
export function awsClients(region: string | undefined, access: AwsAccess): AwsClients {
  const common = clientSettings(region, access);
  return {
    lambda: new LambdaClient(common),
    lambdaOnce: new LambdaClient({ ...common, maxAttempts: 1 }),
    s3: new S3Client({ ...common, forcePathStyle: access.isStandIn }),
    iam: new IAMClient(common),
  };
}
