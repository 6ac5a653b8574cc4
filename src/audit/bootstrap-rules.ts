import { followLinks } from '../tree/tree-links.js';
import { openEntry } from '../tree/open-entry.js';
import type { AbiProfile } from '../platform/abi-profile.js';
import type { LayerFacts } from './layer-facts.js';
import type { Finding } from './rules.js';

/** The kernel's limit for a `#!` line (execve(2)). */
const SCRIPT_HEAD_BYTES = 256;

/** The folder of the layer in the PATH that `env` searches on Lambda. */
const PATH_OF_LAYER = '/opt/bin';

/** Checks that Lambda can start `/opt/bootstrap`. */
export async function bootstrapFindings(facts: LayerFacts, profile: AbiProfile): Promise<readonly Finding[]> {
  const refused = (message: string, remedy: string): readonly Finding[] => [
    { rule: 'bootstrap', severity: 'error', path: 'bootstrap', message, remedy },
  ];
  const followed = followLinks('/opt/bootstrap', { from: '', entries: facts.entries });
  const entry = followed.to === 'tree' ? facts.entries.get(followed.path) : undefined;
  if (entry?.type !== 'file') {
    return refused(
      entry === undefined ? 'is missing' : 'is a folder',
      'Put an executable file named bootstrap at the top; for a layer that only adds files, use --no-bootstrap.',
    );
  }
  if ((entry.mode & 0o111) === 0 || (entry.mode & 0o001) === 0) {
    const mode = (entry.mode & 0o777).toString(8).padStart(3, '0');
    return refused(
      `is not executable by everyone (mode ${mode})`,
      'Run `chmod 755 bootstrap` before zipping, with a zip program that keeps modes.',
    );
  }
  // The library rules check the needs of ELF files.
  if (facts.elfs.has(entry.path) || facts.damaged.has(entry.path) || facts.foreign.has(entry.path)) return [];

  await using file = await openEntry(entry);
  const head = Buffer.from(await file.read(0, Math.min(SCRIPT_HEAD_BYTES, file.size))).toString('latin1');
  const [, line] = /^#!([^\n]*)/.exec(head) ?? [];
  if (line === undefined) {
    return refused(
      'is neither an ELF file nor a script that begins with #!',
      'Start it with the path of its interpreter: #!/opt/bin/php, or #!/bin/sh.',
    );
  }
  if (line.endsWith('\r')) {
    return refused(
      'has CRLF line endings: the kernel searches for an interpreter whose name ends with CR',
      'Save it with LF line endings.',
    );
  }
  const [interpreter = '', argument] = line.trim().split(/[ \t]+/);
  const missing = missingInterpreter(interpreter, { facts, profile });
  if (missing !== undefined) return refused(`its interpreter ${interpreter} ${missing}`, REMEDY);
  if (!interpreter.endsWith('/env') || argument === undefined) return [];
  const places = [...profile.interpreters, `${PATH_OF_LAYER}/${argument}`].filter((path) =>
    path.endsWith(`/${argument}`),
  );
  if (places.some((path) => missingInterpreter(path, { facts, profile }) === undefined)) return [];
  return refused(
    `its interpreter ${argument}, which env searches for, is neither in bin/ nor on ${profile.name}`,
    REMEDY,
  );
}

const REMEDY =
  'Put the interpreter into the layer as an executable file, and name it by its path below /opt.';

/** Describes what is wrong with an interpreter's path. Undefined if the kernel can start it. */
function missingInterpreter(
  path: string,
  { facts, profile }: { readonly facts: LayerFacts; readonly profile: AbiProfile },
): string | undefined {
  if (profile.interpreters.has(path)) return undefined;
  if (!path.startsWith('/opt/'))
    return `is not in the layer, and not every sandbox of ${profile.name} has it`;
  const followed = followLinks(path, { from: '', entries: facts.entries });
  const entry = followed.to === 'tree' ? facts.entries.get(followed.path) : undefined;
  if (entry?.type !== 'file') return 'is not in the layer';
  return (entry.mode & 0o001) === 0 ? 'is not executable by everyone' : undefined;
}
