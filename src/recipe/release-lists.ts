import { z } from 'zod';
import { compareVersions, parseVersion } from '../core/version-order.js';
import { isOfLine } from './release.js';

/** A release as upstream, or someone who watches it, lists it. Pre-releases are left out. */
export interface ListedRelease {
  readonly version: string;
  readonly isSecurity: boolean;
}

/** The releases of one project. */
export interface ReleaseList {
  /** The name of the project, if the list tells it. */
  readonly package: string | undefined;
  readonly releases: readonly ListedRelease[];
}

const phpSource = z.looseObject({ filename: z.string().optional(), sha256: z.string().optional() });
const phpRelease = z.looseObject({
  version: z.string().optional(),
  tags: z.array(z.string()).optional(),
  source: z.array(phpSource),
});
/** php.net: releases by major version, by version, or one release. */
const phpList = z.union([phpRelease.transform((one) => ({ '': one })), z.record(z.string(), phpRelease)]);

const gitHubList = z.array(
  z.looseObject({
    tag_name: z.string(),
    html_url: z.string().optional(),
    draft: z.boolean().default(false),
    prerelease: z.boolean().default(false),
  }),
);

const endOfLifeList = z.union([
  z.array(z.looseObject({ cycle: z.union([z.string(), z.number()]), latest: z.string() })),
  z
    .looseObject({
      result: z.looseObject({
        name: z.string(),
        releases: z.array(z.looseObject({ latest: z.looseObject({ name: z.string() }).nullish() })),
      }),
    })
    .transform(({ result }) => result),
]);

/**
 * Reads a list of releases: php.net's `releases/?json`, the releases of GitHub's API, or a product of endoflife.date. Undefined
 * for anything else.
 */
export function readReleaseList(text: string): ReleaseList | undefined {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (Array.isArray(json) && json.length === 0) return undefined;
  const php = phpList.safeParse(json);
  if (php.success) {
    const entries = Object.entries(php.data);
    const file = entries
      .flatMap(([, { source }]) => source)
      .find(({ filename }) => filename !== undefined)?.filename;
    const releases = entries.map(([key, { version, tags }]) => ({
      version: version ?? key,
      isSecurity: tags?.includes('security') === true,
    }));
    return listOf(/^([a-z]+)-\d/.exec(file ?? '')?.[1], releases);
  }
  const gitHub = gitHubList.safeParse(json);
  if (gitHub.success) {
    const name = gitHub.data.map(
      (each) => /^https:\/\/github\.com\/[^/]+\/([^/]+)\//.exec(each.html_url ?? '')?.[1],
    );
    const project = name.find((each) => each !== undefined)?.toLowerCase();
    const tags = gitHub.data.filter(({ draft, prerelease }) => !draft && !prerelease);
    const releases = tags.map((each) => ({ version: each.tag_name, isSecurity: false }));
    return listOf(project === 'php-src' ? 'php' : project, releases);
  }
  const endOfLife = endOfLifeList.safeParse(json);
  if (!endOfLife.success) return undefined;
  if (Array.isArray(endOfLife.data)) {
    return listOf(
      undefined,
      endOfLife.data.map(({ latest }) => ({ version: latest, isSecurity: false })),
    );
  }
  const { name, releases } = endOfLife.data;
  return listOf(
    name,
    releases.flatMap(({ latest }) => (latest ? [{ version: latest.name, isSecurity: false }] : [])),
  );
}

/** Writes versions without the prefix of their tags, and leaves out pre-releases and what is no version. */
function listOf(name: string | undefined, releases: readonly ListedRelease[]): ReleaseList {
  return {
    package: name,
    releases: releases.flatMap(({ version, isSecurity }) => {
      const parsed = parseVersion(version, name ?? '');
      if (parsed === undefined || parsed.before !== undefined) return [];
      return [{ version: `${parsed.numbers.join('.')}${parsed.letters}`, isSecurity }];
    }),
  };
}

/** Returns the releases of a line that are newer than a version, newest first. */
export function newerReleases(
  releases: readonly ListedRelease[],
  { line, version }: { readonly line: string; readonly version: string },
): readonly ListedRelease[] {
  const pinned = parseVersion(version, '');
  return releases
    .flatMap((release) => {
      const parsed = parseVersion(release.version, '');
      return parsed === undefined ? [] : [{ release, parsed }];
    })
    .filter(
      ({ release, parsed }) =>
        isOfLine(release.version, line) && pinned !== undefined && compareVersions(parsed, pinned) > 0,
    )
    .sort((a, b) => compareVersions(b.parsed, a.parsed))
    .map(({ release }) => release);
}

/**
 * Returns the sha256 of a file in a list of digests: lines of `sha256sum` (`DIGEST  NAME`), of BSD's `sha256`
 * (`SHA256 (NAME) = DIGEST`), or php.net's JSON. Undefined if the list does not have the file.
 */
export function listedDigest(text: string, names: readonly string[]): string | undefined {
  for (const line of text.split('\n')) {
    const [, digest, file] = /^([0-9a-fA-F]{64}) [ *](.+?)\s*$/.exec(line) ?? [];
    const [, bsdFile, bsdDigest] = /^SHA256 \((.+)\) = ([0-9a-fA-F]{64})\s*$/.exec(line) ?? [];
    const name = (file ?? bsdFile ?? '').replace(/^.*\//, '');
    if (name !== '' && names.includes(name)) return (digest ?? bsdDigest)?.toLowerCase();
  }
  try {
    const php = phpList.safeParse(JSON.parse(text));
    const sources = php.success ? Object.values(php.data).flatMap(({ source }) => source) : [];
    return sources.find(({ filename = '' }) => names.includes(filename))?.sha256?.toLowerCase();
  } catch {
    return undefined;
  }
}
