import { NO_SETTINGS } from '../../../../src/layer/layer-settings.js';
import { expect, test } from 'vitest';
import { sha256 } from '../../../../src/core/digest.js';
import { parseManifest, writeManifest } from '../../../../src/layer/manifest.js';
import { manifestOf } from '../../../../src/pipeline/build/layer-manifest.js';
import { resolvePlan } from '../../../../src/pipeline/build/resolve-plan.js';
import type { ToolchainImage } from '../../../../src/toolchain/toolchain.js';
import { PLATFORM } from '../../../support/platform.js';
import { lineYaml, packageYaml, planIn, recipeFolder } from '../../../support/recipe-files.js';

const IMAGE: ToolchainImage = { id: 'sha256:1', digest: 'sha256:1' };

test('the manifest has what each package bundles, and nothing for a package without bundles', async () => {
  await using folder = await recipeFolder(
    { 'php/8.4': ['zlib'], 'zlib/1.3': [] },
    {
      'php/package.yaml': `${packageYaml('8.4')}bundles:
  pcre2: { license: BSD-3-Clause, cpe: pcre:pcre2, from: [pcre2.h], pattern: 'V (\\d+)' }
  dtoa: { license: dtoa, homepage: 'https://layersmith.invalid/', from: [dtoa.c] }
`,
      'php/8.4.yaml': `${lineYaml('8.4.0', ['zlib'])}bundles: { pcre2: '10.44', dtoa: unknown }\n`,
    },
  );
  const plan = await resolvePlan(await planIn(folder.path, 'php/8.4'), {
    platform: PLATFORM,
    toolchainDigest: IMAGE.digest,
    protocolPath: `${folder.path}/stage.sh`,
  });
  const manifest = await manifestOf(plan, {
    results: [
      {
        ...{ recipe: 'php/8.4', artifact: sha256('php'), sources: {}, contentKey: sha256('key') },
        below: [{ recipe: 'zlib/1.3', artifact: sha256('zlib'), sources: {} }],
      },
    ],
    settings: NO_SETTINGS,
    target: {
      platform: PLATFORM,
      toolchain: { kind: 'debian', buildImage: IMAGE },
      toolchainPackages: [],
    },
  });
  const [zlib, php] = parseManifest(Buffer.from(writeManifest(manifest))).stages;
  expect(zlib).toMatchObject({ package: 'zlib' });
  expect(zlib).not.toHaveProperty('bundles');
  expect(php?.bundles).toEqual([
    { name: 'pcre2', version: '10.44', license: 'BSD-3-Clause', cpe: 'pcre:pcre2' },
    { name: 'dtoa', license: 'dtoa', homepage: 'https://layersmith.invalid/' },
  ]);
});
