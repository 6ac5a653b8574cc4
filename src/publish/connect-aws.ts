import type { ZipFile } from '../tree/zip-file.js';
import type { AwsAccess } from './aws-access.js';
import type { FunctionService } from './function-service.js';
import type { CodeLocation, LayerRegistry } from './layer-registry.js';

/** A connection to AWS in one region. */
export interface AwsConnection {
  readonly region: string;
  readonly layers: LayerRegistry;
  readonly functions: FunctionService;
  /** See `sendCode`. */
  readonly sendCode: (zip: ZipFile, bucket: string | undefined) => Promise<CodeLocation>;
  /** Uploads a zip to a bucket and has AWS Signer sign it; see `signCode`. */
  readonly signCode: (
    zip: ZipFile,
    options: { readonly bucket: string; readonly profile: string },
  ) => Promise<CodeLocation>;
}

/**
 * Creates the clients without calling AWS. Loads the AWS SDK only here, because loading takes longer than most commands. An
 * undefined region means the one that the SDK's chain finds; throws PublishError if it finds none.
 */
export async function connectAws(
  region: string | undefined,
  { access, signal }: { readonly access: AwsAccess; readonly signal: AbortSignal },
): Promise<AwsConnection> {
  const [{ awsClients }, { awsLayerRegistry }, { awsFunctionService }, { sendCode }] = await Promise.all([
    import('./aws-clients.js'),
    import('./aws-layer-registry.js'),
    import('./aws-function-service.js'),
    import('./send-code.js'),
  ]);
  const clients = awsClients(region, access);
  const layers = await awsLayerRegistry(clients, signal);
  return {
    region: layers.region,
    layers,
    functions: await awsFunctionService(clients, signal),
    sendCode: (zip, bucket) => sendCode(zip, { s3: clients.s3, bucket, signal }),
    async signCode(zip, { bucket, profile }) {
      const [{ SignerClient }, { signCode }, { clientSettings }] = await Promise.all([
        import('@aws-sdk/client-signer'),
        import('./sign-code.js'),
        import('./aws-clients.js'),
      ]);
      const { s3 } = clients;
      const unsigned = await sendCode(zip, { s3, bucket, signal });
      if (unsigned.kind !== 's3') throw new RangeError('a bucket was named');
      const signer = new SignerClient(clientSettings(layers.region, access));
      return signCode(zip, unsigned, { signer, s3, profile, region: layers.region, signal });
    },
  };
}
