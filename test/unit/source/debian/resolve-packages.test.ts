/** @module-tag system */

import { readdir } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { SourceError } from '../../../../src/core/errors.js';
import { hostMirrors, namedMirror, type DebianMirror } from '../../../../src/source/debian/debian-mirror.js';
import { resolvePackages, type ArchiveFile } from '../../../../src/source/debian/resolve-packages.js';
import { failure } from '../../../support/failure.js';
import { temporaryFolder } from '../../../support/temporary-folder.js';
import { deadOrigin } from '../source-support.js';

// On the real archive: the mirror that this machine's apt uses, or LAYERSMITH_DEBIAN_MIRROR.

async function realMirror(): Promise<DebianMirror> {
  const named = process.env['LAYERSMITH_DEBIAN_MIRROR'];
  const found = named === undefined ? (await hostMirrors('/etc/apt'))[0] : namedMirror(named);
  if (found === undefined) throw new Error("these tests need Debian's archive: run them on Debian");
  return found;
}

async function resolved(
  packages: readonly string[],
  changes: { readonly mirror?: DebianMirror; readonly architecture?: string } = {},
): Promise<readonly ArchiveFile[]> {
  await using folder = await temporaryFolder();
  try {
    return await resolvePackages({
      suite: 'bookworm',
      packages,
      architecture: changes.architecture ?? 'amd64',
      mirror: changes.mirror ?? (await realMirror()),
      keyring: '/usr/share/keyrings/debian-archive-keyring.gpg',
      tmpDir: folder.path,
      env: {},
      signal: new AbortController().signal,
    });
  } finally {
    expect(await readdir(folder.path)).toEqual([]);
  }
}

describe('the packages of today', () => {
  test.each(['amd64', 'arm64'])('come with what they depend on, for %s', async (architecture) => {
    const files = await resolved(['libc6', 'bash'], { architecture });
    const names = files.map(({ path }) => path.replace(/^.*\//, '').replace(/_.*/, ''));
    expect(names).toEqual(expect.arrayContaining(['libc6', 'libgcc-s1', 'bash', 'libtinfo6']));
    // Recommended only.
    expect(names).not.toContain('bash-completion');
    for (const { path, sha256 } of files) {
      expect(path).toMatch(
        new RegExp(`^pool/main/[a-z0-9/.+-]+/[^/_%]+_[^/_%]+_(${architecture}|all)\\.deb$`),
      );
      expect(sha256).toMatch(/^[0-9a-f]{64}$/);
    }
  });

  test('are an error if one does not exist', async () => {
    const error = await failure(resolved(['libc6', 'no-such-package']), SourceError);
    expect(JSON.stringify(error.details)).toContain('no-such-package');
  });

  test('are an error if the mirror does not answer', async () => {
    const error = await failure(
      resolved(['libc6'], { mirror: { archive: `${await deadOrigin()}/debian`, security: undefined } }),
      SourceError,
    );
    expect(error.hint).toContain('LAYERSMITH_DEBIAN_MIRROR');
  });
});
