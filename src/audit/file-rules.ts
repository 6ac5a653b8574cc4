import { ARCHITECTURES, type Architecture } from '../platform/platform.js';
import type { ElfFact, LayerFacts } from './layer-facts.js';
import type { Finding } from './rules.js';

/** e_machine by Lambda's names of architectures (ELF supplements for x86-64 and for the Arm 64-bit architecture). */
const MACHINES: Readonly<Record<Architecture, number>> = { x86_64: 62, arm64: 183 };

/** The type of an object file, which no loader loads. */
const ET_REL = 1;

/**
 * Checks each file by itself: its format, its hardening, and traces of the build machine. `fixedAddress` is the path of a program
 * that is at a fixed address by choice.
 */
export function fileFindings(
  facts: LayerFacts,
  architecture: Architecture,
  fixedAddress?: string,
): readonly Finding[] {
  const findings: Finding[] = [];
  for (const [path, what] of facts.foreign) {
    findings.push({
      rule: 'wrong-machine',
      severity: 'error',
      path,
      message: `is ${what} ELF: Lambda runs only 64-bit little-endian files`,
      remedy: `Compile it for ${architecture}, or leave it out.`,
    });
  }
  for (const [path, message] of facts.damaged) {
    findings.push({
      rule: 'damaged-elf',
      severity: 'error',
      path,
      message: `starts like an ELF file but is not a valid one: ${message}`,
      remedy: 'Build it again, or leave it out. It may be truncated or damaged.',
    });
  }
  for (const fact of facts.elfs.values()) {
    const chosen = fact.path === fixedAddress;
    findings.push(...elfFindings(fact, architecture).map((each) => (chosen ? ofChoice(each) : each)));
  }
  for (const [path, buildPath] of facts.buildPaths) {
    findings.push({
      rule: 'build-path',
      severity: 'error',
      path,
      message: `contains the build path ${buildPath}`,
      remedy:
        'Compile with relative paths or -ffile-prefix-map, configure with paths below /opt, and strip the remaining debug information.',
    });
  }
  return findings;
}

/** A definition that chooses a fixed address is told what that costs, and not refused. */
function ofChoice(finding: Finding): Finding {
  if (finding.rule !== 'no-pie') return finding;
  return {
    ...finding,
    severity: 'warning',
    message: 'is a program at a fixed address, as the definition of the layer says (start: fastest)',
    remedy: 'Remove `start: fastest` from the definition if the program should be at a random address.',
  };
}

function elfFindings({ path, elf }: ElfFact, architecture: Architecture): readonly Finding[] {
  const error = { severity: 'error', path } as const;
  if (elf.machine !== MACHINES[architecture]) {
    const name = Object.entries(MACHINES).find(([, machine]) => machine === elf.machine)?.[0];
    return [
      {
        ...error,
        rule: 'wrong-machine',
        message: `is for ${name ?? `the machine ${elf.machine} (e_machine)`}, not for ${architecture}`,
        remedy:
          name === undefined
            ? `Compile it for ${architecture}, or leave it out.`
            : `Compile it for ${architecture}, or make it a layer for ${name} (--arch ${name}).`,
      },
    ];
  }
  if (elf.type === ET_REL) return [];
  const findings: Finding[] = [];
  if (elf.textRelocations) {
    findings.push({
      ...error,
      rule: 'text-relocations',
      message: 'has text relocations (DT_TEXTREL)',
      remedy: 'Compile all of its code with -fPIC, and make assembler files position independent.',
    });
  }
  // The loader treats a file without PT_GNU_STACK as one that needs an executable stack (glibc's DEFAULT_STACK_PERMS).
  if (elf.executableStack !== false) {
    findings.push({
      ...error,
      rule: 'executable-stack',
      message:
        elf.executableStack === undefined
          ? 'has no PT_GNU_STACK, so its stack becomes executable'
          : 'requests an executable stack',
      remedy: 'Link with -Wl,-z,noexecstack; mark assembler files with a .note.GNU-stack section.',
    });
  }
  if (elf.program && !elf.relro) {
    findings.push({
      ...error,
      rule: 'no-relro',
      message: 'is a program without RELRO',
      remedy: 'Link it with -Wl,-z,relro,-z,now.',
    });
  }
  if (elf.program && !elf.pie) {
    findings.push({
      ...error,
      rule: 'no-pie',
      message: 'is a program at a fixed address',
      remedy: 'Compile with -fPIE and link with -pie (statically: -static-pie; Go: -buildmode=pie).',
    });
  }
  return findings;
}

/** Returns the architecture of a tree's first program, or of its first ELF file. Undefined if there is none. */
export function architectureOf(facts: LayerFacts): Architecture | undefined {
  const files = [...facts.elfs.values()];
  const first = files.find(({ elf }) => elf.program) ?? files[0];
  return ARCHITECTURES.find((name) => MACHINES[name] === first?.elf.machine);
}
