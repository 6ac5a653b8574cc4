import { buffer } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import { LayerError } from '../../../src/core/errors.js';
import { normalizeTree } from '../../../src/tree/normalize-tree.js';
import { openContent, type TreeEntry } from '../../../src/tree/tree-entry.js';
import { failure } from '../../support/failure.js';
import { tarOf } from '../../support/tar.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

async function listed(entries: readonly TreeEntry[]): Promise<readonly string[]> {
  const lines: string[] = [];
  for (const entry of entries) {
    if (entry.type === 'symlink') lines.push(`${entry.path} -> ${entry.target}`);
    else if (entry.type === 'directory') lines.push(`${entry.path}/`);
    else
      lines.push(`${entry.path} ${entry.mode.toString(8)} ${(await buffer(openContent(entry))).toString()}`);
  }
  return lines;
}

describe('a folder of the archive', () => {
  test('is read alone, with paths relative to it; what is beside it is reported and not checked', async () => {
    await using folder = await temporaryFolder();
    const outside: string[] = [];
    await using tree = await normalizeTree(
      tarOf([
        { name: 'out/', type: 'directory' },
        { name: 'out/etc/', type: 'directory' },
        { name: 'out/etc/passwd', content: 'root' },
        { name: 'out/opt/', type: 'directory' },
        { name: 'out/opt/bin', content: 'b' },
        { name: 'out/opt/hard', type: 'link', linkname: 'out/opt/bin' },
        { name: 'out/opt/soft', type: 'symlink', linkname: '/opt/bin' },
        { name: 'out/opt2', content: 'x' },
      ]),
      {
        tmpDir: folder.path,
        only: 'opt',
        onOutside: (path) => outside.push(path),
        signal: new AbortController().signal,
      },
    );
    expect(await listed(tree.entries)).toEqual(['bin 644 b', 'hard 644 b', 'soft -> /opt/bin']);
    expect(outside).toEqual(['etc', 'etc/passwd', 'opt2']);
  });

  test('is not left by a hard link to what is beside it', async () => {
    await using folder = await temporaryFolder();
    const reading = normalizeTree(
      tarOf([
        { name: 'out/secret', content: 's' },
        { name: 'out/opt/link', type: 'link', linkname: 'out/secret' },
      ]),
      { tmpDir: folder.path, only: 'opt', signal: new AbortController().signal },
    );
    expect((await failure(reading, LayerError)).message).toContain('hard link');
  });
});
