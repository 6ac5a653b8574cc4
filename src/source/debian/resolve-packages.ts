import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isSha256, type Sha256 } from '../../core/digest.js';
import { SourceError } from '../../core/errors.js';
import { writingTo } from '../../core/file-system.js';
import { processIdentity } from '../../core/process-identity.js';
import { aptComplaints } from './apt-complaints.js';
import type { DebianMirror } from './debian-mirror.js';
import { APT_FILES, createPrivateApt, preparePrivateApt } from './private-apt.js';

/** A file of Debian's archive: its path below the mirror's folder, and its digest. */
export interface ArchiveFile {
  readonly path: string;
  readonly sha256: Sha256;
}

/** What `resolvePackages` looks up, and with what. */
export interface ResolveRequest {
  readonly suite: string;
  readonly packages: readonly string[];
  /** Debian's name of the packages' architecture: `amd64`, `arm64`. It may differ from the host's. */
  readonly architecture: string;
  readonly mirror: DebianMirror;
  readonly keyring: string;
  readonly tmpDir: string;
  /** Added to the environment of apt: `http_proxy` and similar variables. */
  readonly env: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

/**
 * Lists the packages and everything that they depend on, without what they only recommend, in the versions that the mirror has
 * today. The host's apt decides and verifies Debian's signatures; the host's own packages do not matter.
 *
 * Throws SourceError if apt cannot read the mirror or finds no packages.
 */
export async function resolvePackages(request: ResolveRequest): Promise<readonly ArchiveFile[]> {
  const { suite, packages, architecture, mirror, keyring, tmpDir, signal } = request;
  const dir = await writingTo(tmpDir, () => mkdtemp(join(tmpDir, `${processIdentity()}-apt-`)));
  try {
    await writingTo(dir, () => preparePrivateApt(dir));
    const line = `deb [signed-by=${keyring}] ${mirror.archive} ${suite} main\n`;
    await writingTo(dir, () => writeFile(join(dir, APT_FILES.lists, 'wanted.list'), line));
    const apt = createPrivateApt(dir, request.env);
    const common = [
      ...['-q', '-o', `APT::Architecture=${architecture}`, '-o', `APT::Architectures=${architecture}`],
      ...['-o', 'Acquire::ForceHash=SHA256'],
    ];
    const updated = await apt.get({ args: [...common, 'update'], signal });
    let text = '';
    const listed = updated.ok
      ? await apt.get({
          args: [...common, '-q', 'install', '--print-uris', '--yes', '--no-install-recommends', ...packages],
          signal,
          onStdout: async (stdout) => {
            for await (const chunk of stdout.setEncoding('utf8')) text += chunk as string;
          },
        })
      : updated;
    const files = text.split('\n').flatMap((one) => parseUri(one) ?? []);
    if (listed.ok && files.length > 0) return files;
    throw new SourceError(`cannot list the packages of Debian's ${suite} for ${architecture}`, {
      details: {
        apt: aptComplaints(listed.stderr, mirror) ?? (listed.ok ? 'it printed no file' : listed.reason),
      },
      hint: 'Check that the Debian mirror (LAYERSMITH_DEBIAN_MIRROR, `mirrors` in layersmith.yaml, or the apt sources) answers.',
    });
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** Parses `'URI' NAME SIZE SHA256:…`, a line of `apt-get --print-uris`. */
function parseUri(line: string): ArchiveFile | undefined {
  const [, uri, digest] = /^'([^']+)' \S+ \d+ SHA256:([0-9a-f]{64})$/.exec(line) ?? [];
  if (uri === undefined || digest === undefined || !isSha256(digest)) return undefined;
  const at = uri.indexOf('/pool/');
  if (at < 0) return undefined;
  return { path: decodeURIComponent(uri.slice(at + 1)), sha256: digest };
}
