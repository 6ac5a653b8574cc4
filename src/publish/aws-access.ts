/** What the user says of how AWS is reached; the SDK's own chain knows the rest, credentials above all. */
export interface AwsAccess {
  /** As in `~/.aws/config`. */
  readonly profile: string | undefined;
  /** Of all services, in place of AWS's own. */
  readonly endpointUrl: string | undefined;
  /** A bucket is a part of the path, not of the host's name: where something else stands for AWS. */
  readonly isStandIn: boolean;
}
