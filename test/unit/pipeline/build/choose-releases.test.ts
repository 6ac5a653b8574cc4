import { describe, expect, test } from 'vitest';
import { IntegrityError } from '../../../../src/core/errors.js';
import { chooseReleases, type ReleaseRules } from '../../../../src/pipeline/build/choose-releases.js';
import type { Release } from '../../../../src/recipe/release.js';
import { failure } from '../../../support/failure.js';

const release = (version: string, ...security: string[]): Release => ({
  version,
  security,
  sources: [],
  patches: [],
  bundles: {},
});
const [NEWEST, NEWER, OLD] = [
  release('8.4.28', 'CVE-2026-2', 'CVE-2026-3'),
  release('8.4.27', 'CVE-2026-1'),
  release('8.4.24'),
];
const RELEASES = [NEWEST, NEWER, OLD];
const PHP = { name: 'php/8.4', releases: RELEASES, exact: undefined };

/** A choice among releases of which these are available, and what it said and asked. */
function choice(available: readonly Release[], rules: Partial<ReleaseRules> = {}) {
  const warnings: string[] = [];
  const asked: string[] = [];
  const releaseOf = chooseReleases({
    locked: new Map(),
    lockPath: '/project/layersmith.lock',
    needsLock: false,
    availability: (each) => {
      asked.push(each.version);
      return Promise.resolve(
        available.includes(each)
          ? { isAvailable: true }
          : { isAvailable: false, why: 'their downloads failed' },
      );
    },
    warn: (message) => warnings.push(message),
    ...rules,
  });
  return { releaseOf, warnings, asked };
}

describe('a line alone', () => {
  test('is the newest release, without a word, if its sources are available; older ones are not looked for', async () => {
    const { releaseOf, warnings, asked } = choice(RELEASES);
    expect(await releaseOf(PHP)).toBe(NEWEST);
    expect(warnings).toEqual([]);
    expect(asked).toEqual(['8.4.28']);
  });

  test('is the newest whose sources are available, and a warning names the newer ones and what they fix', async () => {
    const { releaseOf, warnings } = choice([OLD]);
    expect(await releaseOf(PHP)).toBe(OLD);
    expect(warnings).toEqual([
      'php/8.4: builds 8.4.24, because the sources of 8.4.28 and 8.4.27 are not available (their downloads failed); they fix CVE-2026-2, CVE-2026-3 and CVE-2026-1',
    ]);
  });

  test('is chosen once in a run: one search, one warning', async () => {
    const { releaseOf, warnings, asked } = choice([NEWER]);
    expect(await Promise.all([releaseOf(PHP), releaseOf(PHP)])).toEqual([NEWER, NEWER]);
    expect(asked).toEqual(['8.4.28', '8.4.27']);
    expect(warnings).toEqual([expect.stringContaining('it fixes CVE-2026-2 and CVE-2026-3')]);
  });

  test('is the newest if none is available, with a warning', async () => {
    const { releaseOf, warnings } = choice([]);
    expect(await releaseOf(PHP)).toBe(NEWEST);
    expect(warnings).toEqual([
      'php/8.4: the sources of none of its releases are available (their downloads failed)',
    ]);
  });

  test('with one release is that one, and nothing is looked for', async () => {
    const { releaseOf, asked } = choice([], { needsLock: true });
    expect(await releaseOf({ ...PHP, releases: [OLD] })).toBe(OLD);
    expect(asked).toEqual([]);
  });

  test('without known holes has a warning without them', async () => {
    const { releaseOf, warnings } = choice([OLD]);
    await releaseOf({ name: 'openssl/3.5', releases: [release('3.5.9'), OLD], exact: undefined });
    expect(warnings).toEqual([expect.stringMatching(/of 3\.5\.9 are not available \([^)]*\)$/)]);
  });
});

describe('a release that was asked for by its version', () => {
  test('is chosen, whatever is locked or available; newer ones that fix holes are named', async () => {
    const { releaseOf, warnings, asked } = choice([], {
      locked: new Map([['php/8.4', '8.4.28']]),
      needsLock: true,
    });
    expect(await releaseOf({ ...PHP, exact: NEWER })).toBe(NEWER);
    expect(asked).toEqual([]);
    expect(warnings).toEqual(['php/8.4.27: 8.4.28 is newer, and fixes CVE-2026-2 and CVE-2026-3']);
  });

  test('has no warning if the newer ones fix no known hole', async () => {
    const { releaseOf, warnings } = choice([]);
    const releases = [release('3.5.9'), OLD];
    await releaseOf({ name: 'openssl/3.5', releases, exact: OLD });
    expect(warnings).toEqual([]);
  });
});

describe('a locked line', () => {
  test('is the locked release, and nothing is looked for; a warning names newer ones', async () => {
    const { releaseOf, warnings, asked } = choice(RELEASES, { locked: new Map([['php/8.4', '8.4.27']]) });
    expect(await releaseOf(PHP)).toBe(NEWER);
    expect(asked).toEqual([]);
    expect(warnings).toEqual([
      'php/8.4: builds 8.4.27, as /project/layersmith.lock says; 8.4.28 is newer, and fixes CVE-2026-2 and CVE-2026-3',
    ]);
  });

  test('is an error if the recipe does not list its release', async () => {
    const { releaseOf } = choice(RELEASES, { locked: new Map([['php/8.4', '8.4.1']]) });
    const error = await failure(releaseOf(PHP), IntegrityError);
    expect(error.message).toBe(
      '/project/layersmith.lock locks php/8.4 to 8.4.1, which its recipe does not list',
    );
    expect(error.hint).toContain('layersmith lock php/8.4');
  });

  test('is demanded by --locked where there is a choice; the error says what to run', async () => {
    const { releaseOf, asked } = choice(RELEASES, { needsLock: true });
    const error = await failure(releaseOf(PHP), IntegrityError);
    expect(error.message).toBe('--locked: the lock file has no release of php/8.4');
    expect(error.details).toEqual({ known: ['8.4.28', '8.4.27', '8.4.24'] });
    expect(error.hint).toContain('`layersmith lock php/8.4`');
    expect(error.hint).toContain('php/8.4.28');
    expect(asked).toEqual([]);
  });
});
