import { PackageURL } from 'packageurl-js';
import { VERSION } from '../core/version.js';
import type { CaBundle } from './ca-bundles.js';
import type { BuiltRecord } from './layer-record.js';
import type { ManifestBundle, ManifestStage } from './manifest.js';

type Json = Readonly<Record<string, unknown>>;

/** The packages of a toolchain that compile and link, on Debian and on Amazon Linux. */
const COMPILERS = /^(gcc(-?\d+)?|binutils|libc6-dev|glibc-devel)$/;

const ROOT = 'layer';

/**
 * The bill of materials of a layer, CycloneDX 1.6 (https://cyclonedx.org/docs/1.6/json/): every compiled package with its
 * version, source, license, CPE name, patches and the projects that its sources bundle, what was compiled with, the CA data that
 * the layer brings along, and the files that its definition adds. The same layer has the same one: there is no time in it, and
 * its serial number is made of the zip's sha256.
 */
export function sbomOf(record: BuiltRecord, caBundles: readonly CaBundle[]): Json {
  const { stages, layer, recipe, version } = record;
  const parts = new Set([recipe, ...(record.extensions ?? [])]);
  const added = (record.files ?? []).filter(({ path }) => !caBundles.some((each) => each.path === path));
  return {
    $schema: 'http://cyclonedx.org/schema/bom-1.6.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    serialNumber: `urn:uuid:${uuidOf(layer.sha256)}`,
    version: 1,
    metadata: {
      tools: { components: toolsOf(record) },
      component: {
        type: 'application',
        'bom-ref': ROOT,
        name: layer.file,
        version,
        description: `AWS Lambda layer of ${recipe} for ${record.platform} on ${record.architecture}`,
        hashes: [{ alg: 'SHA-256', content: layer.sha256 }],
      },
    },
    components: [
      ...stages.map((stage) => componentOf(stage, { isRoot: stage.recipe === recipe })),
      ...caBundles.map(({ path, sha256, certificates }) => ({
        type: 'data',
        'bom-ref': path,
        name: path,
        description: `${certificates} certificates of certificate authorities`,
        hashes: [{ alg: 'SHA-256', content: sha256 }],
      })),
      ...added.map(({ path, sha256 }) => ({
        type: 'file',
        'bom-ref': path,
        name: path,
        hashes: [{ alg: 'SHA-256', content: sha256 }],
      })),
    ],
    dependencies: [
      {
        ref: ROOT,
        dependsOn: [...parts, ...[...caBundles, ...added].map(({ path }) => path)],
      },
      ...stages.map(({ recipe: ref, needs }) => ({ ref, dependsOn: needs })),
    ],
  };
}

function toolsOf({ toolchain }: BuiltRecord): readonly Json[] {
  return [
    { type: 'application', name: 'layersmith', version: VERSION },
    {
      type: 'container',
      name: `${toolchain.kind} toolchain image`,
      version: toolchain.digest,
      hashes: [{ alg: 'SHA-256', content: toolchain.digest.replace(/^sha256:/, '') }],
    },
    ...toolchain.packages
      .filter(({ name }) => COMPILERS.test(name))
      .map(({ name, version }) => ({ type: 'application', name, version })),
  ];
}

function componentOf(stage: ManifestStage, { isRoot }: { readonly isRoot: boolean }): Json {
  const { recipe, package: name, version, license, cpe, homepage, sources, patches, bundles = [] } = stage;
  const { sourcePatches = [] } = stage;
  const patching = new Set(sourcePatches.map(({ source }) => source));
  // The first source is the package itself; others have patches or are compiled with it. Alternatives of a source have its name.
  const ownAlternatives = sources.filter((source) => source.name === sources[0]?.name);
  const [own] = ownAlternatives;
  const others = sources.filter(
    (source, index) =>
      source.name !== own?.name &&
      !patching.has(source.name) &&
      sources.findIndex((other) => other.name === source.name) === index,
  );
  const inside = [
    ...others.map((source) => ({
      type: 'library',
      'bom-ref': `${recipe}#${source.name}`,
      name: source.name,
      purl: purlOf({ name: source.name, version: undefined, source }),
      externalReferences: referencesTo(source),
    })),
    ...bundles.map((bundle) => bundledComponentOf(bundle, recipe)),
  ];
  return {
    type: isRoot ? 'application' : 'library',
    'bom-ref': recipe,
    name,
    version,
    licenses: [{ expression: license }],
    ...(cpe === undefined ? {} : { cpe: cpeName(cpe, version) }),
    purl: purlOf({ name, version, source: own }),
    externalReferences: [
      ...(homepage === undefined ? [] : [{ type: 'website', url: homepage }]),
      ...ownAlternatives.flatMap(referencesTo),
      ...sources
        .filter((source) => patching.has(source.name))
        .flatMap(referencesTo)
        .map((reference) => ({ ...reference, comment: 'patches' })),
    ],
    ...(inside.length === 0 ? {} : { components: inside }),
    ...(patches.length + sourcePatches.length === 0
      ? {}
      : {
          pedigree: {
            patches: [
              ...patches.map(({ file }) => ({
                type: 'unofficial',
                diff: { url: `recipes/${name}/${file}` },
              })),
              ...sourcePatches.map((patch) => backportOf(patch, sources)),
            ],
          },
        }),
    properties: [
      ...(stage.artifact === undefined
        ? []
        : [{ name: 'layersmith:artifact-sha256', value: stage.artifact }]),
      ...(stage.endOfLife === undefined ? [] : [{ name: 'layersmith:end-of-life', value: stage.endOfLife }]),
      ...patches.map(({ file, sha256 }) => ({ name: `layersmith:sha256:${file}`, value: sha256 })),
    ],
  };
}

function bundledComponentOf(bundle: ManifestBundle, recipe: string): Json {
  const { name, version, license, cpe, homepage } = bundle;
  return {
    type: 'library',
    'bom-ref': `${recipe}#${name}`,
    name,
    ...(version === undefined ? {} : { version }),
    licenses: [{ expression: license }],
    ...(cpe === undefined ? {} : { cpe: cpeName(cpe, version) }),
    purl: purlOf({ name, version, source: undefined }),
    ...(homepage === undefined ? {} : { externalReferences: [{ type: 'website', url: homepage }] }),
  };
}

/** A patch in the tree of another source. Its address is that of the source, with the path in it as fragment. */
function backportOf(
  { source, path, resolves }: NonNullable<ManifestStage['sourcePatches']>[number],
  sources: readonly Source[],
): Json {
  const archive = sources.find(({ name }) => name === source);
  return {
    type: 'backport',
    diff: { url: `${archive?.urls[0] ?? archive?.file ?? source}#${encodeURI(path)}` },
    ...(resolves.length === 0 ? {} : { resolves: resolves.map((id) => ({ type: 'security', id })) }),
  };
}

type Source = ManifestStage['sources'][number];

/** Where to get it, each with its digest; the file's name alone where nobody serves it under an address of its own. */
function referencesTo({ file, sha256, urls }: Source): readonly Json[] {
  return (urls.length === 0 ? [file] : urls).map((url) => ({
    type: 'source-distribution',
    url,
    hashes: [{ alg: 'SHA-256', content: sha256 }],
  }));
}

/** `pkg:generic/openssl@3.5.7?checksum=sha256:…&download_url=…` (package-url/purl-spec, type generic). */
function purlOf({
  name,
  version,
  source,
}: {
  readonly name: string;
  readonly version: string | undefined;
  readonly source: Source | undefined;
}): string {
  const [url] = source?.urls ?? [];
  const qualifiers = {
    ...(source === undefined ? {} : { checksum: `sha256:${source.sha256}` }),
    ...(url === undefined ? {} : { download_url: url }),
  };
  return new PackageURL('generic', undefined, name, version, qualifiers, undefined).toString();
}

/** `cpe:2.3:a:openssl:openssl:3.5.7:*:…` (NISTIR 7695, 6.2). The version is `*` (any) if it is unknown. */
function cpeName(cpe: string, version: string | undefined): string {
  const escaped = version?.replace(/[^A-Za-z0-9._-]/g, '\\$&') ?? '*';
  return `cpe:2.3:a:${cpe}:${escaped}:*:*:*:*:*:*:*`;
}

/** A UUID of version 8 (RFC 9562, 5.8) made of the first bits of a sha256. */
function uuidOf(sha256: string): string {
  const variant = ((Number.parseInt(sha256.charAt(16), 16) & 0x3) | 0x8).toString(16);
  return [
    sha256.slice(0, 8),
    sha256.slice(8, 12),
    `8${sha256.slice(13, 16)}`,
    `${variant}${sha256.slice(17, 20)}`,
    sha256.slice(20, 32),
  ].join('-');
}
