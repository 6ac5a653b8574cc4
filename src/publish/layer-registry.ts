/** A principal that may use a layer version. */
export type Principal =
  | { readonly kind: 'everyone' }
  | { readonly kind: 'organization'; readonly id: string }
  | { readonly kind: 'account'; readonly id: string };

/** A zip for Lambda: its bytes, or its location in S3. */
export type CodeLocation =
  | { readonly kind: 'direct'; readonly bytes: Uint8Array }
  | {
      readonly kind: 's3';
      readonly bucket: string;
      readonly key: string;
      /** In base64, if the object has other bytes than the zip because it was signed. */
      readonly sha256?: string;
    };

/** What Lambda stores with the zip of a layer version. */
export interface LayerDescription {
  readonly name: string;
  /** At most 256 characters. */
  readonly description: string;
  /** At most 512 characters. */
  readonly license: string | undefined;
  readonly runtimes: readonly string[];
  readonly architectures: readonly string[];
}

/** What Lambda has of the zip of a layer version. */
export interface PublishedCode {
  /** In base64. */
  readonly sha256: string | undefined;
  /** The ARN of the version of the signing profile, `…:/signing-profiles/NAME/VERSION`, if the zip was signed. */
  readonly signedWith: string | undefined;
}

/** A version of a layer. */
export interface LayerVersion {
  readonly arn: string;
  readonly version: number;
  readonly createdAt: string;
  readonly description: string;
}

/** The layers of one region. Every method throws PublishError if AWS refuses a call. */
export interface LayerRegistry {
  readonly region: string;
  /** Returns the versions of a layer, newest first. Empty if the layer does not exist. */
  versions(name: string): Promise<readonly LayerVersion[]>;
  /** Returns what Lambda has of a version's zip. Undefined for a deleted version. */
  code(name: string, version: number): Promise<PublishedCode | undefined>;
  /** Publishes a new version. Throws the SDK's errors, by which `publishLayer` decides whether to repeat the call. */
  publish(
    layer: LayerDescription,
    code: CodeLocation,
  ): Promise<LayerVersion & { readonly codeSha256: string }>;
  /** Allows a principal to use a version. Earlier permissions are kept. */
  allow(name: string, version: number, principal: Principal): Promise<void>;
  /** Deletes a version. */
  remove(name: string, version: number): Promise<void>;
}
