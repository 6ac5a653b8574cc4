/** How the user wants to reach AWS. The SDK's default chain finds the rest, above all credentials. */
export interface AwsAccess {
  /** A profile in `~/.aws/config`. */
  readonly profile: string | undefined;
  /** Replaces AWS's own endpoints of all services. */
  readonly endpointUrl: string | undefined;
  /** Whether requests go to an emulator. The bucket is then part of the path, not of the host name. */
  readonly isStandIn: boolean;
}
