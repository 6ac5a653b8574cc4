/** A principal that may use a layer version. */
export type Principal =
  | { readonly kind: 'everyone' }
  | { readonly kind: 'organization'; readonly id: string }
  | { readonly kind: 'account'; readonly id: string };

/** A zip for Lambda: its bytes, or its location in S3. */
export type CodeLocation =
  | { readonly kind: 'direct'; readonly bytes: Uint8Array }
  | { readonly kind: 's3'; readonly bucket: string; readonly key: string };

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
  /** Returns the sha256 of a version's zip, in base64 as Lambda has it. Undefined for a deleted version. */
  codeSha256(name: string, version: number): Promise<string | undefined>;
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
