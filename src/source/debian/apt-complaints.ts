import type { DebianMirror } from './debian-mirror.js';

/** Lines of apt that only summarize other errors. */
const SUMMARIES =
  /Failed to fetch some archives|Some index files failed to download|Download is performed unsandboxed|Download Failed$/;

/**
 * Returns the last errors and warnings of apt's stderr (those that match `about`) on one line, or undefined when there
 * are none. Removes the mirror's address, which may hold a password.
 */
export function aptComplaints(stderr: string, mirror: DebianMirror, about?: RegExp): string | undefined {
  const lines = stderr
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => /^[EW]: /.test(line) && !SUMMARIES.test(line));
  const matching = about === undefined ? lines : lines.filter((line) => about.test(line));
  const last = matching.slice(-2).map((line) => line.slice(3));
  return last.length === 0 ? undefined : withoutMirror([...new Set(last)].join('; '), mirror);
}

function withoutMirror(text: string, mirror: DebianMirror): string {
  const uris = [mirror.security, mirror.archive].filter((uri) => uri !== undefined);
  // Apt omits the password in some messages and includes it in others.
  const spellings = uris.flatMap((uri) => [uri, uri.replace(/\/\/[^/@]*@/, '//')]);
  const hosts = uris.map((uri) => (URL.canParse(uri) ? new URL(uri).hostname : ''));
  let cleaned = text.replaceAll(/ *\[IP: [^\]]*\]/g, '');
  for (const uri of spellings) {
    cleaned = cleaned.replaceAll(`${uri}/`, '').replaceAll(uri, "Debian's archive");
  }
  for (const host of hosts.filter((it) => it !== '')) cleaned = cleaned.replaceAll(host, 'the mirror');
  return cleaned.replaceAll(/\s+/g, ' ').trim();
}
