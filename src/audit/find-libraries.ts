import { posix } from 'node:path';
import { followLinks } from '../tree/tree-links.js';
import type { AbiProfile } from '../platform/abi-profile.js';
import type { ElfFact, LayerFacts } from './layer-facts.js';

/** A needed library, and where the loader finds it on Lambda. */
export interface Found {
  readonly soname: string;
  /** The chain of files that first needed it: from a program, or a file that nothing needs, to the file that needs it. */
  readonly neededBy: readonly ElfFact[];
  /** The file of the layer that is loaded. Undefined if the platform's copy or none is loaded. */
  readonly inLayer: ElfFact | undefined;
  /** Whether the platform's copy is loaded. */
  readonly onPlatform: boolean;
  /** The layer's copy, in `/opt/lib` or by DT_RUNPATH, that is not loaded because the platform's copy has precedence. */
  readonly shadowed: ElfFact | undefined;
}

/**
 * Resolves DT_NEEDED as glibc does (ld.so(8)) with Lambda's `LD_LIBRARY_PATH`. The search order is: DT_RPATH of the file and of
 * those that loaded it, unless the file has a DT_RUNPATH; the platform's folders; `/opt/lib`; DT_RUNPATH of the file. Programs
 * are resolved first, then files that nothing needs, such as extensions, as if the layer's programs loaded them. Each file is
 * resolved once.
 */
export function findLibraries(facts: LayerFacts, profile: AbiProfile): readonly Found[] {
  const files = [...facts.elfs.values()].filter(({ elf }) => elf.dynamic);
  const programs = files.filter(({ elf }) => elf.program);
  const found: Found[] = [];
  const seen = new Set<string>();
  const walk = (root: ElfFact, loaders: readonly ElfFact[]): void => {
    const queue: (readonly ElfFact[])[] = [[root]];
    for (let chain = queue.shift(); chain !== undefined; chain = queue.shift()) {
      const file = chain.at(-1);
      if (file === undefined || seen.has(file.path)) continue;
      seen.add(file.path);
      for (const soname of file.elf.needed) {
        const place = placeOf(soname, { file, loaders: [...chain.slice(0, -1), ...loaders], facts, profile });
        found.push({ soname, neededBy: chain, ...place });
        if (place.inLayer !== undefined) queue.push([...chain, place.inLayer]);
      }
    }
  };
  for (const program of programs) walk(program, []);
  for (const file of files) walk(file, programs);
  return found;
}

/** Finds a file of the layer with that name or soname, in any folder. */
export function libraryAnywhere(soname: string, facts: LayerFacts): ElfFact | undefined {
  return [...facts.elfs.values()].find(
    ({ path, elf }) => elf.dynamic && (posix.basename(path) === soname || elf.soname === soname),
  );
}

interface Search {
  readonly file: ElfFact;
  /** The files that loaded it. */
  readonly loaders: readonly ElfFact[];
  readonly facts: LayerFacts;
  readonly profile: AbiProfile;
}

function placeOf(soname: string, search: Search): Omit<Found, 'soname' | 'neededBy'> {
  const { file, loaders, facts, profile } = search;
  const inLayer = (found: ElfFact | undefined): Omit<Found, 'soname' | 'neededBy'> => ({
    inLayer: found,
    onPlatform: false,
    shadowed: undefined,
  });
  if (soname.includes('/')) return inLayer(fileAt(soname, facts));

  const { runpath } = file.elf;
  if (runpath === undefined) {
    const withRpath = [file, ...loaders].filter(({ elf }) => elf.runpath === undefined);
    for (const holder of withRpath) {
      const there = searchIn(foldersOf(holder, holder.elf.rpath), { soname, facts, profile });
      if (there === 'platform') return { inLayer: undefined, onPlatform: true, shadowed: undefined };
      if (there !== undefined) return inLayer(there);
    }
  }
  const later = [
    fileAt(`/opt/lib/${soname}`, facts),
    searchIn(foldersOf(file, runpath), { soname, facts, profile }),
  ].find((there): there is ElfFact => typeof there === 'object');
  if (!profile.present.has(soname)) return inLayer(later);
  return { inLayer: undefined, onPlatform: true, shadowed: later };
}

function foldersOf(holder: ElfFact, list: string | undefined): readonly string[] {
  const origin = posix.join('/opt', posix.dirname(holder.path));
  return (list ?? '')
    .split(':')
    .filter((folder) => folder !== '')
    .map((folder) => folder.replace(/\$(ORIGIN|\{ORIGIN\})/g, origin).replace(/\$(LIB|\{LIB\})/g, 'lib64'));
}

/** Folders of the platform's libraries. */
const SYSTEM_FOLDERS = /^\/(usr\/)?lib(64)?$/;

function searchIn(
  folders: readonly string[],
  { soname, facts, profile }: Pick<Search, 'facts' | 'profile'> & { readonly soname: string },
): ElfFact | 'platform' | undefined {
  for (const folder of folders) {
    const clean = posix.normalize(folder).replace(/(?<=.)\/$/, '');
    if (SYSTEM_FOLDERS.test(clean) && profile.present.has(soname)) return 'platform';
    const there = fileAt(posix.join(clean, soname), facts);
    if (there !== undefined) return there;
  }
  return undefined;
}

/** Returns the ELF file of the layer at a path on Lambda, following links. */
function fileAt(path: string, { entries, elfs }: LayerFacts): ElfFact | undefined {
  if (!path.startsWith('/')) return undefined;
  const followed = followLinks(path, { from: '', entries });
  return followed.to === 'tree' ? elfs.get(followed.path) : undefined;
}
