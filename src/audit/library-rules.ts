import { posix } from 'node:path';
import { followLinks } from '../tree/tree-links.js';
import type { AbiProfile } from '../platform/abi-profile.js';
import { findLibraries, libraryAnywhere, type Found } from './find-libraries.js';
import type { ElfFact, LayerFacts } from './layer-facts.js';
import type { Finding } from './rules.js';
import { judgeVersion } from './symbol-version.js';
import { dynamicSymbolsOf, listSymbols } from './symbols.js';

/** Checks the libraries and symbol versions that the loader resolves on a platform. */
export async function libraryFindings(
  facts: LayerFacts,
  { profile, profiles }: { readonly profile: AbiProfile; readonly profiles: readonly AbiProfile[] },
): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  const missing = new Set<string>();
  for (const found of findLibraries(facts, profile)) {
    const finding = placeFinding(found, { facts, profile });
    if (finding !== undefined && !missing.has(`${finding.rule} ${found.soname} ${finding.path ?? ''}`)) {
      missing.add(`${finding.rule} ${found.soname} ${finding.path ?? ''}`);
      findings.push(finding);
    }
    findings.push(...(await versionFindings(found, { profile, profiles })));
  }
  for (const { path, elf } of facts.elfs.values()) {
    const { interpreter } = elf;
    if (interpreter === undefined || isLoader(interpreter, { facts, profile })) continue;
    findings.push({
      rule: 'missing-library',
      severity: 'error',
      path,
      library: interpreter,
      message: `its loader is ${interpreter}, which Lambda does not have`,
      remedy: /musl/.test(interpreter)
        ? 'Compile it against glibc, or statically: Lambda has no musl.'
        : 'Compile it with the toolchain of the platform.',
    });
  }
  return findings;
}

function isLoader(
  path: string,
  { facts, profile }: { readonly facts: LayerFacts; readonly profile: AbiProfile },
): boolean {
  const { base, dir } = posix.parse(path);
  if (dir === '/lib' || dir === '/lib64') return profile.libraries.has(base);
  const followed = followLinks(path, { from: '', entries: facts.entries });
  return followed.to === 'tree' && facts.elfs.has(followed.path);
}

function placeFinding(
  { soname, neededBy, inLayer, onPlatform, shadowed }: Found,
  { facts, profile }: { readonly facts: LayerFacts; readonly profile: AbiProfile },
): Finding | undefined {
  const file = neededBy.at(-1);
  if (file === undefined || inLayer !== undefined) return undefined;
  const common = { path: file.path, library: soname, neededBy: neededBy.map(({ path }) => path) };
  if (shadowed !== undefined) {
    const byRunpath = file.elf.runpath !== undefined;
    return {
      ...common,
      rule: 'shadowed-library',
      severity: byRunpath ? 'error' : 'warning',
      message: `needs ${soname} and ${byRunpath ? `finds it by DT_RUNPATH ${file.elf.runpath}` : 'has no DT_RPATH'}: ${profile.name} loads its own copy, not ${shadowed.path}`,
      remedy:
        'Link the library statically, or with -Wl,--disable-new-dtags and a DT_RPATH such as $ORIGIN/../lib.',
    };
  }
  if (onPlatform && profile.libraries.has(soname)) return undefined;
  const elsewhere = onPlatform ? undefined : libraryAnywhere(soname, facts);
  const refusal = { ...common, rule: 'missing-library', severity: 'error' } as const;
  if (elsewhere !== undefined) {
    return {
      ...refusal,
      message: `needs ${soname}, but the loader does not search the folder of ${elsewhere.path}`,
      remedy: `Put it at lib/${soname}, or link with -Wl,--disable-new-dtags and a DT_RPATH that names its folder.`,
    };
  }
  return {
    ...refusal,
    message: onPlatform
      ? `needs ${soname}: some images of ${profile.name} have it, but not every sandbox`
      : `needs ${soname}, which is neither in the layer nor on ${profile.name}`,
    remedy: `Link it statically, or include it at lib/${soname}.`,
  };
}

async function versionFindings(
  { soname, neededBy, inLayer, onPlatform }: Found,
  { profile, profiles }: { readonly profile: AbiProfile; readonly profiles: readonly AbiProfile[] },
): Promise<readonly Finding[]> {
  const file = neededBy.at(-1);
  if (file === undefined) return [];
  const needs = file.elf.versionNeeds.filter(({ library }) => library === soname);
  const defined = inLayer?.elf.versionDefinitions ?? [];
  const lacking = needs.filter(({ version }) =>
    // For a library without any versions, the loader only warns.
    inLayer === undefined
      ? onPlatform && profile.libraries.has(soname) && !judgeVersion(version, profile).has
      : defined.length > 0 && !defined.includes(version),
  );
  const findings: Finding[] = [];
  for (const { version, weak } of lacking) {
    const symbols = await symbolsOf(file, { version, library: soname });
    const common = {
      severity: weak ? ('warning' as const) : ('error' as const),
      path: file.path,
      library: soname,
      symbols,
      neededBy: neededBy.map(({ path }) => path),
    };
    if (inLayer !== undefined) {
      findings.push({
        ...common,
        rule: 'undefined-version',
        message: `needs ${version} of ${soname}${inWords(symbols)}, and ${inLayer.path} does not define it`,
        remedy: `Include the ${soname} with which it was linked.`,
      });
      continue;
    }
    const { newest } = judgeVersion(version, profile);
    const known = newest === undefined ? 'does not have it' : `has at most ${newest}`;
    findings.push({
      ...common,
      rule: 'symbol-version',
      message: `needs ${version} of ${soname}${inWords(symbols)}, and ${profile.name} ${known}`,
      remedy: remedyFor(version, { profile, profiles }),
    });
  }
  return findings;
}

function remedyFor(
  version: string,
  { profile, profiles }: { readonly profile: AbiProfile; readonly profiles: readonly AbiProfile[] },
): string {
  if (version === 'GLIBC_PRIVATE')
    return "Do not include glibc's own libraries, or link them statically: they work with only one build of glibc.";
  if (version === 'GLIBC_ABI_DT_RELR') return 'Link without -z pack-relative-relocs.';
  const first = profiles.find((other) => judgeVersion(version, other).has);
  const compile = `Compile it with the toolchain of ${profile.name}`;
  return first === undefined
    ? `${compile}: no platform of Lambda has that version.`
    : `${compile}, or use ${first.name}, which has that version.`;
}

async function symbolsOf(
  file: ElfFact,
  { version, library }: { readonly version: string; readonly library: string },
): Promise<readonly string[]> {
  return (await dynamicSymbolsOf(file))
    .filter((symbol) => symbol.version === version && symbol.library === library)
    .map(({ name }) => `${name}@${version}`)
    .sort();
}

/** Formats symbols: ` (for arc4random, fork and 3 more)`. */
function inWords(symbols: readonly string[]): string {
  if (symbols.length === 0) return '';
  return ` (for ${listSymbols(symbols.map((symbol) => symbol.split('@')[0] ?? ''))})`;
}
