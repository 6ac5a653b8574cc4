/** A rule: what it wants, and why. */
interface Rule {
  /** For a list of rules. */
  readonly title: string;
  readonly why: string;
  /** A layer that breaks it does not run, or not as it should; the others are about safety. */
  readonly stopsIt: boolean;
}

/** Every rule of the audit, by its name. */
export const RULES = {
  'symbol-version': {
    title: 'No symbol newer than the platform',
    why: 'The loader refuses a file that needs a version of glibc, libstdc++ or libgcc which the platform does not have.',
    stopsIt: true,
  },
  'missing-library': {
    title: 'Every library is in the layer or in every sandbox',
    why: 'What an image has, the managed runtime may lack: only the libraries of glibc and GCC are always there.',
    stopsIt: true,
  },
  'undefined-version': {
    title: 'Libraries of the layer define the versions that are needed of them',
    why: 'The loader refuses a file whose library is of another version than the one it was linked with.',
    stopsIt: true,
  },
  'wrong-machine': {
    title: 'Everything is for the architecture of the layer',
    why: 'Lambda runs 64-bit little-endian ELF files of its own processor alone.',
    stopsIt: true,
  },
  'damaged-elf': {
    title: 'Every ELF file is whole',
    why: 'The loader refuses a file that breaks its own format, or crashes on it.',
    stopsIt: true,
  },
  'shadowed-library': {
    title: 'A library of the layer comes before one of the platform',
    why: 'LD_LIBRARY_PATH puts the platform’s folders before /opt/lib and before DT_RUNPATH: its own copy is loaded, of another version. DT_RPATH comes first.',
    stopsIt: false,
  },
  'text-relocations': {
    title: 'No text relocations',
    why: 'Code that is changed while it is loaded has to be writable.',
    stopsIt: false,
  },
  'executable-stack': {
    title: 'No executable stack',
    why: 'What is written to the stack could be run.',
    stopsIt: false,
  },
  'no-relro': {
    title: 'Programs have RELRO',
    why: 'Without it, the tables of addresses that the loader fills stay writable.',
    stopsIt: false,
  },
  'no-pie': {
    title: 'Programs are position independent',
    why: 'A program at a fixed address has its code where an attacker expects it.',
    stopsIt: false,
  },
  'build-path': {
    title: 'No path of the build',
    why: 'It does not exist on Lambda; a file that was not there can be put there; and the bytes depend on where it was built.',
    stopsIt: false,
  },
  'set-id': {
    title: 'No set-uid or set-gid',
    why: 'Nothing in a layer should run as another user than the one that starts it.',
    stopsIt: false,
  },
  'world-writable': {
    title: 'Nothing that everybody may write to',
    why: 'Whoever can write to it decides what the function runs, wherever the layer is unpacked.',
    stopsIt: false,
  },
  link: {
    title: 'Links stay in the layer',
    why: 'What is outside of it is another thing on each machine, or is not there.',
    stopsIt: false,
  },
  duplicate: {
    title: 'Every name occurs once',
    why: 'Of two entries with one name, which one is unpacked depends on the program: what was audited may not be what runs.',
    stopsIt: false,
  },
  bootstrap: {
    title: 'There is a bootstrap, and it starts',
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

/** Something that is wrong with a layer. */
export interface Finding {
  readonly rule: RuleName;
  /** An error is what the audit refuses. */
  readonly severity: 'error' | 'warning';
  /** In the layer; undefined for the layer as a whole. */
  readonly path: string | undefined;
  /** What is wrong, without the path. */
  readonly message: string;
  /** The soname that it is about. */
  readonly library?: string;
  /** The symbols that it is about: `arc4random@GLIBC_2.36`. */
  readonly symbols?: readonly string[];
  /** From a program to the file: each needs the next. */
  readonly neededBy?: readonly string[];
  /** What to do about it. */
  readonly remedy: string;
}
