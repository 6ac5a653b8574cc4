/** The arrows of design.md: imports point one way, and the folders in the middle meet in pipeline/ only. */
const layers = [
  ['cli'],
  ['pipeline'],
  [
    'source',
    'toolchain',
    'stage',
    'layer',
    'audit',
    'compare',
    'advisories',
    'runtime',
    'lambda',
    'smoke',
    'sandbox',
    'publish',
  ],
  ['engine', 'store', 'tree'],
  ['definition'],
  ['recipe', 'platform', 'elf'],
  ['core'],
];

/** Edges between folders of the middle, each because the alternative is writing a thing twice. */
const named = {
  // Smoke tests, stages and programs on a layer all run something in a container.
  smoke: ['sandbox'],
  stage: ['sandbox'],
  toolchain: ['sandbox'],
  // The bootstrap reads the manifest of its layer, at the path that the layer has it.
  runtime: ['layer'],
  // What is published is a tested layer, described by the record beside its zip.
  publish: ['layer'],
  // A function in a sandbox is reached through the Runtime API emulator.
  sandbox: ['lambda'],
};

const paths = (folders) => `^src/(${folders.join('|')})/`;

/** From a folder, everything above it is forbidden, and so are the other folders of its own layer, but for named edges. */
const arrows = layers.flatMap((layer, index) =>
  layer.map((folder) => {
    const above = layers.slice(0, index).flat();
    const beside = layer.filter((other) => other !== folder && !(named[folder] ?? []).includes(other));
    return {
      name: `arrows-of-${folder}`,
      severity: 'error',
      from: { path: `^src/${folder}/` },
      to: { path: paths([...above, ...beside, 'nothing']) },
    };
  }),
);

export default {
  forbidden: [
    ...arrows,
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'engine-owns-dockerode',
      severity: 'error',
      from: { pathNot: '^src/engine/' },
      to: { path: 'node_modules/(@types/)?(dockerode|docker-modem)/' },
    },
    {
      name: 'publish-and-the-shared-store-own-the-aws-sdk',
      severity: 'error',
      from: { pathNot: '^src/(publish/|store/s3-objects[.]ts$)' },
      to: { path: 'node_modules/@aws-sdk/' },
    },
    {
      name: 'no-tests-in-the-product',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^(test|bench)/' },
    },
  ],
  options: {
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: { extensions: ['.ts', '.js'] },
  },
};
