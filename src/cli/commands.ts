import type { CommandFactory } from './command.js';

/** One command of the command line: what help and completion show for it, and how to load its code. */
export interface CommandEntry {
  readonly name: string;
  /** The arguments after the name, as yargs writes them: `<zip>`, `[layers..]`. */
  readonly args?: string;
  /** What completion offers for the arguments, besides files. */
  readonly takes?: readonly ('recipes' | 'layers')[];
  /** One line of `layersmith --help`. */
  readonly describe: string;
  /** Imports the command. Only the command that runs is loaded, so that help and completion start faster. */
  readonly load: () => Promise<CommandFactory>;
}

/** All commands, in the order of `layersmith --help`. The parser, help and completion derive from this list. */
export const COMMANDS: readonly CommandEntry[] = [
  {
    name: 'init',
    args: '[folder]',
    describe: 'Write a first layersmith.yaml, with what a Composer project asks for',
    load: async () => (await import('./commands/init.js')).initCommand,
  },
  {
    name: 'build',
    args: '[targets..]',
    takes: ['recipes', 'layers'],
    describe: 'Compile layers of layersmith.yaml, or recipes, into tested layer zips',
    load: async () => (await import('./commands/build.js')).buildCommand,
  },
  {
    name: 'plan',
    args: '[targets..]',
    takes: ['recipes', 'layers'],
    describe: 'Show the stages of layers, their keys, and which are in the store',
    load: async () => (await import('./commands/plan.js')).planCommand,
  },
  {
    name: 'matrix',
    args: '[targets..]',
    takes: ['recipes', 'layers'],
    describe: 'Print the jobs of a CI matrix: one for each layer, platform and architecture',
    load: async () => (await import('./commands/matrix.js')).matrixCommand,
  },
  {
    name: 'fetch',
    args: '<targets..>',
    takes: ['recipes', 'layers'],
    describe: 'Download all sources of layers into the store; build nothing',
    load: async () => (await import('./commands/fetch.js')).fetchCommand,
  },
  {
    name: 'test',
    args: '<zip>',
    takes: ['layers'],
    describe: 'Run the smoke tests of a layer zip in the runtime image',
    load: async () => (await import('./commands/test.js')).testCommand,
  },
  {
    name: 'verify',
    args: '<targets..>',
    takes: ['recipes', 'layers'],
    describe: 'Build layers twice under changed conditions, or rebuild a layer zip, and compare the bytes',
    load: async () => (await import('./commands/verify.js')).verifyCommand,
  },
  {
    name: 'audit',
    args: '<layer>',
    takes: ['layers'],
    describe: 'Check a layer (zip or folder) against the Lambda platform and for unsafe files',
    load: async () => (await import('./commands/audit.js')).auditCommand,
  },
  {
    name: 'advisories',
    args: '<target>',
    takes: ['recipes', 'layers'],
    describe: 'Report which security advisories (OSV, CVE records) apply to a recipe or a layer',
    load: async () => (await import('./commands/advisories.js')).advisoriesCommand,
  },
  {
    name: 'diff',
    args: '<before> <after>',
    takes: ['layers'],
    describe: 'Show what changed between two layers: packages, files, sizes, symbols',
    load: async () => (await import('./commands/diff.js')).diffCommand,
  },
  {
    name: 'package',
    args: '<kind> <folder>',
    describe: "Zip a function, or a Composer project's vendor/ as a layer, with its PHP compiled",
    load: async () => (await import('./commands/package.js')).packageCommand,
  },
  {
    name: 'invoke',
    args: '[layers..]',
    takes: ['layers'],
    describe: 'Run a function locally on its layers, or on Lambda with --remote',
    load: async () => (await import('./commands/invoke.js')).invokeCommand,
  },
  {
    name: 'serve',
    args: '<layers..>',
    takes: ['layers'],
    describe: "Keep a function warm behind Lambda's Invoke API or HTTP on 127.0.0.1",
    load: async () => (await import('./commands/serve.js')).serveCommand,
  },
  {
    name: 'attest',
    args: '<zip>',
    takes: ['layers'],
    describe: 'Sign the provenance beside a layer zip',
    load: async () => (await import('./commands/attest.js')).attestCommand,
  },
  {
    name: 'verify-attestation',
    args: '<zip>',
    takes: ['layers'],
    describe: 'Check that a trusted key signed the provenance of a layer zip',
    load: async () => (await import('./commands/verify-attestation.js')).verifyAttestationCommand,
  },
  {
    name: 'publish',
    args: '<zip>',
    takes: ['layers'],
    describe: 'Publish a tested layer in one or more regions, and print its ARNs',
    load: async () => (await import('./commands/publish.js')).publishCommand,
  },
  {
    name: 'prune',
    describe: 'Delete old versions of a published layer; functions that use them keep working',
    load: async () => (await import('./commands/prune.js')).pruneCommand,
  },
  {
    name: 'deploy',
    args: '<zip>',
    describe: 'Create a Lambda function from its zip, or update it',
    load: async () => (await import('./commands/deploy.js')).deployCommand,
  },
  {
    name: 'recipes',
    args: '[recipe]',
    takes: ['recipes'],
    describe: 'List the recipes, or show one',
    load: async () => (await import('./commands/recipes.js')).recipesCommand,
  },
  {
    name: 'extensions',
    args: '[base]',
    takes: ['recipes', 'layers'],
    describe: 'List the extensions that layers of an interpreter can have',
    load: async () => (await import('./commands/extensions.js')).extensionsCommand,
  },
  {
    name: 'outdated',
    args: '[names..]',
    takes: ['recipes', 'layers'],
    describe: "Compare the releases of recipes with upstream's lists",
    load: async () => (await import('./commands/outdated.js')).outdatedCommand,
  },
  {
    name: 'bump',
    args: '<recipe>',
    takes: ['recipes'],
    describe: 'Add a release to a recipe, with the digest of its tarball',
    load: async () => (await import('./commands/bump.js')).bumpCommand,
  },
  {
    name: 'lock',
    args: '[names..]',
    takes: ['recipes', 'layers'],
    describe: "Pin today's toolchain (digests and packages), and releases, in layersmith.lock",
    load: async () => (await import('./commands/lock.js')).lockCommand,
  },
  {
    name: 'keys',
    args: '<action> <file>',
    describe: 'Create a key that signs what is put into a shared store',
    load: async () => (await import('./commands/keys.js')).keysCommand,
  },
  {
    name: 'doctor',
    describe: 'Check engine, disk, memory, registry, toolchain and store; --fix installs what is missing',
    load: async () => (await import('./commands/doctor.js')).doctorCommand,
  },
  {
    name: 'clean',
    describe: 'Remove leftover containers, images, and store entries by age or size',
    load: async () => (await import('./commands/clean.js')).cleanCommand,
  },
];
