import { sha256 } from '../../src/core/digest.js';
import type { Manifest, ManifestStage } from '../../src/layer/manifest.js';

/** A stage of a manifest; change what the test is about. */
export function manifestStage(changes: Partial<ManifestStage> & { readonly recipe: string }): ManifestStage {
  const [name = ''] = changes.recipe.split('/');
  const version = changes.version ?? '1.0';
  return {
    package: name,
    version,
    license: 'MIT',
    needs: [],
    artifact: sha256(`artifact of ${changes.recipe}`),
    sources: [
      {
        name,
        file: `${name}-${version}.tar.gz`,
        sha256: sha256(`source of ${changes.recipe}`),
        urls: [`https://example.org/${name}-${version}.tar.gz`],
      },
    ],
    patches: [],
    ...changes,
  };
}

/** The manifest of a layer of Lua; change what the test is about. */
export function manifestWith(changes: Partial<Manifest> = {}): Manifest {
  return {
    schemaVersion: 2,
    recipe: 'lua/5.4',
    version: '5.4.7',
    platform: 'provided.al2023',
    architecture: 'x86_64',
    toolchain: {
      kind: 'debian',
      digest: `sha256:${sha256('toolchain')}`,
      packages: [
        { name: 'binutils', version: '2.35.2-2' },
        { name: 'gcc-10', version: '10.2.1-6' },
        { name: 'libc6-dev', version: '2.31-13' },
      ],
    },
    stages: [manifestStage({ recipe: 'lua/5.4', version: '5.4.7' })],
    ...changes,
  };
}
