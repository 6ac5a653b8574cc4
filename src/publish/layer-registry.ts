/** Who may use a layer version. */
export type Principal =
  | { readonly kind: 'everyone' }
  | { readonly kind: 'organization'; readonly id: string }
  | { readonly kind: 'account'; readonly id: string };

/** A zip as Lambda receives it: its bytes, or where they are in S3. */
export type CodeLocation =
  | { readonly kind: 'direct'; readonly bytes: Uint8Array }
  | { readonly kind: 's3'; readonly bucket: string; readonly key: string };

/** What Lambda keeps beside the zip of a layer version. */
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

/** The layers of one region. Every method throws PublishError for what AWS refuses. */
export interface LayerRegistry {
  readonly region: string;
  /** The versions of a layer, the newest first. Empty when there is no such layer. */
  versions(name: string): Promise<readonly LayerVersion[]>;
  /** The sha256 of a version's zip, in base64 as Lambda returns it. Undefined for a version that was deleted. */
  codeSha256(name: string, version: number): Promise<string | undefined>;
  /** Makes a new version. Its errors are those of the SDK, for `publishLayer` to decide whether to repeat the call. */
  publish(
    layer: LayerDescription,
    code: CodeLocation,
  ): Promise<LayerVersion & { readonly codeSha256: string }>;
  /** Lets a principal use a version. What was allowed before stays allowed. */
  allow(name: string, version: number, principal: Principal): Promise<void>;
  /** Deletes a version. */
  remove(name: string, version: number): Promise<void>;
}
