import { VERSION } from '../core/version.js';
import type { BuiltRecord } from './layer-record.js';

type Json = Readonly<Record<string, unknown>>;

/** What layersmith does, named as SLSA wants it: the parameters below are those of `layersmith build`. */
export const BUILD_TYPE = 'urn:layersmith:build:v1';

/** Of the run that made a layer, which says nothing about its bytes. */
export interface ProvenanceRun {
  /** A URI that names who ran the build and is trusted for it. */
  readonly builderId: string;
  readonly invocationId: string | undefined;
  /** ISO 8601, of the layer's own making; its stages may have been made before. */
  readonly startedOn: string | undefined;
  readonly finishedOn: string | undefined;
}

/** A file that was written beside the zip. */
export interface Byproduct {
  readonly name: string;
  readonly sha256: string;
}

/**
 * How a layer was made: an in-toto statement (https://in-toto.io/Statement/v1) with SLSA's provenance
 * (https://slsa.dev/spec/v1.0/provenance), unsigned.
 */
export function provenanceOf(
  record: BuiltRecord,
  { run, byproducts }: { readonly run: ProvenanceRun; readonly byproducts: readonly Byproduct[] },
): Json {
  const {
    layer,
    recipe,
    extensions,
    mode,
    ini,
    files,
    start,
    platform,
    architecture,
    toolchain,
    stages,
    usedSources,
  } = record;
  const sources = stages.flatMap((stage) =>
    stage.sources
      .filter(({ name, sha256 }) => usedSources[stage.recipe]?.[name] === sha256)
      .map(({ file, sha256, urls }) => ({
        name: `${stage.recipe}: ${file}`,
        ...(urls[0] === undefined ? {} : { uri: urls[0] }),
        digest: { sha256 },
      })),
  );
  const patches = stages.flatMap((stage) =>
    stage.patches.map(({ file, sha256 }) => ({
      name: `${stage.recipe}: recipes/${stage.package}/${file}`,
      digest: { sha256 },
    })),
  );
  return {
    _type: 'https://in-toto.io/Statement/v1',
    subject: [{ name: layer.file, digest: { sha256: layer.sha256 } }],
    predicateType: 'https://slsa.dev/provenance/v1',
    predicate: {
      buildDefinition: {
        buildType: BUILD_TYPE,
        externalParameters: {
          recipe,
          extensions,
          mode,
          ini,
          start,
          platform,
          architecture,
          toolchain: toolchain.kind,
        },
        internalParameters: {
          artifacts: Object.fromEntries(stages.map((stage) => [stage.recipe, stage.artifact])),
        },
        resolvedDependencies: [
          {
            name: `toolchain image: ${toolchain.kind}`,
            digest: { sha256: toolchain.digest.replace(/^sha256:/, '') },
          },
          ...sources,
          ...patches,
          ...(files ?? []).map(({ path, sha256 }) => ({ name: `added file: ${path}`, digest: { sha256 } })),
        ],
      },
      runDetails: {
        builder: { id: run.builderId, version: { layersmith: VERSION } },
        metadata: {
          ...(run.invocationId === undefined ? {} : { invocationId: run.invocationId }),
          ...(run.startedOn === undefined ? {} : { startedOn: run.startedOn }),
          ...(run.finishedOn === undefined ? {} : { finishedOn: run.finishedOn }),
        },
        byproducts: byproducts.map(({ name, sha256 }) => ({ name, digest: { sha256 } })),
      },
    },
  };
}
