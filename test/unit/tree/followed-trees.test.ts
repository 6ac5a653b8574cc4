import { link, rename, rm, symlink, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { followTrees, type FollowedTrees } from '../../../src/tree/followed-trees.js';
import { temporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.js';

let folder: TemporaryFolder;
let trees: FollowedTrees | undefined;
let now = 0;

beforeEach(async () => {
  folder = await temporaryFolder();
  await folder.write({ 'app/index.php': '<?php', 'app/src/a/a.php': '<?php' });
});

afterEach(async () => {
  trees?.[Symbol.dispose]();
  await folder[Symbol.asyncDispose]();
});

function follow(platform: NodeJS.Platform = 'linux', path = 'app'): FollowedTrees {
  trees = followTrees([join(folder.path, path)], { platform, now: () => now });
  return trees;
}

/** Whether the signature changes with an action, with no time in between. */
async function changes(followed: FollowedTrees, act: () => Promise<unknown>): Promise<boolean> {
  const before = await followed.signature();
  await act();
  return (await followed.signature()) !== before;
}

describe.each(['linux', 'darwin'] as const)('on %s', (platform) => {
  test('a signature stays the same as long as nothing changes', async () => {
    expect(await changes(follow(platform), () => Promise.resolve())).toBe(false);
  });

  test('a change of a file, a new one and a removed one are noticed at once, also in new folders', async () => {
    const followed = follow(platform);
    const write = (files: Readonly<Record<string, string>>) => () => folder.write(files);
    expect(await changes(followed, write({ 'app/src/a/a.php': '<?php echo 1;' }))).toBe(true);
    expect(await changes(followed, write({ 'app/src/b/c/d.php': '<?php' }))).toBe(true);
    expect(await changes(followed, write({ 'app/src/b/c/d.php': '<?php echo 2;' }))).toBe(true);
    expect(await changes(followed, write({ 'app/src/b/c/e.php': '<?php' }))).toBe(true);
    expect(await changes(followed, () => unlink(join(folder.path, 'app/src/b/c/e.php')))).toBe(true);
    expect(await changes(followed, () => rm(join(folder.path, 'app/src/b'), { recursive: true }))).toBe(true);
    expect(await changes(followed, () => Promise.resolve())).toBe(false);
  });

  test('a change after a folder was replaced by another one of its name is noticed', async () => {
    const followed = follow(platform);
    await followed.signature();
    await rename(join(folder.path, 'app/src/a'), join(folder.path, 'old'));
    await folder.write({ 'app/src/a/a.php': '<?php' });
    await followed.signature();
    expect(await changes(followed, () => folder.write({ 'app/src/a/a.php': '<?php echo 1;' }))).toBe(true);
  });

  test('a replaced zip, and a link to a folder that leads elsewhere, are noticed', async () => {
    await folder.write({ 'a.zip': 'a', 'new.zip': 'b' });
    const zip = follow(platform, 'a.zip');
    const replace = (from: string, to: string) => () =>
      rename(join(folder.path, from), join(folder.path, to));
    expect(await changes(zip, replace('new.zip', 'a.zip'))).toBe(true);
    zip[Symbol.dispose]();
    await folder.write({ 'other/index.php': '<?php' });
    await symlink('app', join(folder.path, 'link'));
    await symlink('other', join(folder.path, 'new-link'));
    expect(await changes(follow(platform, 'link'), replace('new-link', 'link'))).toBe(true);
  });
});

test('what the kernel does not report is noticed after two seconds', async () => {
  await folder.write({ 'outside.php': '<?php' });
  await link(join(folder.path, 'outside.php'), join(folder.path, 'app/inside.php'));
  const followed = follow('linux');
  const first = await followed.signature();
  // A change through a name of the file in another folder.
  await folder.write({ 'outside.php': '<?php echo 1;' });
  now += 1000;
  expect(await followed.signature()).toBe(first);
  now += 1001;
  expect(await followed.signature()).not.toBe(first);
});
