/** A rule: what it requires, and why. */
interface Rule {
  /** The title for a list of rules. */
  readonly title: string;
  readonly why: string;
  /** Whether a layer that violates the rule does not run as intended. The other rules are about safety. */
  readonly stopsIt: boolean;
}

/** All rules of the audit by name. */
export const RULES = {
  'symbol-version': {
    title: 'No symbol newer than the platform',
    why: 'The loader refuses a file that needs a version of glibc, libstdc++ or libgcc which the platform does not have.',
    stopsIt: true,
  },
  'missing-library': {
    title: 'Every library is in the layer or in every sandbox',
    why: 'The managed runtime may lack a library that an image has: only the libraries of glibc and GCC are always present.',
    stopsIt: true,
  },
  'undefined-version': {
    title: 'Libraries of the layer define the versions that other files need',
    why: 'The loader refuses a file whose library is of another version than the one it was linked with.',
    stopsIt: true,
  },
  'undefined-symbol': {
    title: 'Every symbol of a module is defined',
    why: 'A program cannot load an extension that uses a function which neither it, nor its libraries, nor other extensions have.',
    stopsIt: false,
  },
  'second-copy': {
    title: 'No symbol is exported twice',
    why: 'An extension that exports the functions of a library which the program also has may use the copy of the program, or the program that of the extension, in another version.',
    stopsIt: false,
  },
  'wrong-machine': {
    title: 'Everything is for the architecture of the layer',
    why: 'Lambda runs only 64-bit little-endian ELF files for its own processor.',
    stopsIt: true,
  },
  'damaged-elf': {
    title: 'Every ELF file is valid',
    why: 'The loader refuses a file that violates the ELF format, or crashes on it.',
    stopsIt: true,
  },
  'shadowed-library': {
    title: 'A library of the layer has precedence over one of the platform',
    why: 'LD_LIBRARY_PATH puts the platform’s folders before /opt/lib and before DT_RUNPATH: the loader uses the platform’s copy, in another version. DT_RPATH has precedence over both.',
    stopsIt: false,
  },
  'text-relocations': {
    title: 'No text relocations',
    why: 'Code that is changed while it is loaded has to be writable.',
    stopsIt: false,
  },
  'executable-stack': {
    title: 'No executable stack',
    why: 'Data written to the stack could be executed.',
    stopsIt: false,
  },
  'no-relro': {
    title: 'Programs have RELRO',
    why: 'Without it, the tables of addresses that the loader fills stay writable.',
    stopsIt: false,
  },
  'no-pie': {
    title: 'Programs are position independent',
    why: 'An attacker knows where the code of a program at a fixed address is.',
    stopsIt: false,
  },
  'build-path': {
    title: 'No build paths',
    why: 'A build path does not exist on Lambda, someone else can create a file there, and it makes the bytes depend on the build machine.',
    stopsIt: false,
  },
  'set-id': {
    title: 'No set-uid or set-gid',
    why: 'Nothing in a layer should run as another user than the one that starts it.',
    stopsIt: false,
  },
  'world-writable': {
    title: 'No world-writable files or folders',
    why: 'Anyone who can write to a file decides what the function runs, wherever the layer is unpacked.',
    stopsIt: false,
  },
  link: {
    title: 'Links stay in the layer',
    why: 'A target outside the layer differs between machines, or is missing.',
    stopsIt: false,
  },
  duplicate: {
    title: 'Every name occurs once',
    why: 'Which of two entries with one name is unpacked depends on the program: the audited file may not be the one that runs.',
    stopsIt: false,
  },
  bootstrap: {
    title: 'The bootstrap exists and can be started',
    why: 'Lambda starts /opt/bootstrap: an executable file whose interpreter is in the layer or in every sandbox.',
    stopsIt: true,
  },
  size: {
    title: 'Within Lambda’s limits',
    why: 'A function and its layers may have 250 MiB unzipped; a zip over 50 MiB has to go through S3.',
    stopsIt: true,
  },
} as const satisfies Readonly<Record<string, Rule>>;

export type RuleName = keyof typeof RULES;

/** A problem of a layer. */
export interface Finding {
  readonly rule: RuleName;
  /** The audit refuses a layer with an error. */
  readonly severity: 'error' | 'warning';
  /** Path in the layer. Undefined for the layer as a whole. */
  readonly path: string | undefined;
  /** What is wrong, without the path. */
  readonly message: string;
  /** The soname of the library concerned. */
  readonly library?: string;
  /** The symbols concerned: `arc4random@GLIBC_2.36`. */
  readonly symbols?: readonly string[];
  /** The chain from a program to the file; each needs the next. */
  readonly neededBy?: readonly string[];
  /** How to fix it. */
  readonly remedy: string;
}
