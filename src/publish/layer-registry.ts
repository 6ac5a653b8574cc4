/** Who may use a layer version. */
export type Principal =
  | { readonly kind: 'everyone' }
  | { readonly kind: 'organization'; readonly id: string }
  | { readonly kind: 'account'; readonly id: string };

/** A zip as Lambda takes it: its bytes, or where they are in S3. */
export type CodeLocation =
  | { readonly kind: 'direct'; readonly bytes: Uint8Array }
  | { readonly kind: 's3'; readonly bucket: string; readonly key: string };

export interface LayerDescription {
  readonly name: string;
  /** At most 256 characters. */
  readonly description: string;
  /** At most 512 characters. */
  readonly licence: string | undefined;
  readonly runtimes: readonly string[];
  readonly architectures: readonly string[];
}

export interface LayerVersion {
  readonly arn: string;
  readonly version: number;
  readonly createdAt: string;
  readonly description: string;
}

/** A zip on disk. */
export interface ZipFile {
  readonly path: string;
  readonly sizeBytes: number;
  /** Hexadecimal. */
  readonly sha256: string;
}

/** The layers of one region. Every method throws PublishError for what AWS refuses. */
export interface LayerRegistry {
  readonly region: string;
  /** The newest first; none for a layer that there is not. */
  versions(name: string): Promise<readonly LayerVersion[]>;
  /** Of a version's zip, in base64 as Lambda gives it; undefined for a version that is gone. */
  codeSha256(name: string, version: number): Promise<string | undefined>;
  /** Sends the zip, through a bucket where one is named; a zip that is in the bucket already is not sent again. */
  publish(
    layer: LayerDescription,
    code: CodeLocation,
  ): Promise<LayerVersion & { readonly codeSha256: string }>;
  /** What was allowed before stays so. */
  allow(name: string, version: number, principal: Principal): Promise<void>;
  remove(name: string, version: number): Promise<void>;
}
