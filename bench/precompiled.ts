import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { openScope } from '../src/core/disposal-scope.js';
import { byPath, fileEntry, type TreeEntry } from '../src/tree/tree-entry.js';
import { compileBundle } from '../src/pipeline/bundle/compile-bundle.js';
import { manifestOf } from '../src/pipeline/build/layer-manifest.js';
import { buildPlan } from '../src/pipeline/build/build-stages.js';
import { planFor } from '../src/recipe/plan.js';
import { phpRuntime } from '../src/runtime/php/php-runtime.js';
import { parseRecipeName } from '../src/recipe/recipe-library.js';
import { NO_SETTINGS } from '../src/layer/layer-settings.js';
import { runContextOf } from '../src/pipeline/build/build-context.js';
import type { BenchContext } from './bench-context.js';
import { debianComposer } from './debian-composer.js';
import { openMeasuringContainer, type MeasuringContainer } from './measuring-container.js';
import { formatReport, howBusy, median } from './report.js';

const LEAST_CLASSES = 250;
const MOST_CLASSES = 320;

/** Loads Composer's own classes by their file names, like an autoloader. */
const HANDLER = String.raw`<?php
error_reporting(0);
spl_autoload_register(function ($class) {
    $file = '/var/task/lib/' . str_replace('\\', '/', $class) . '.php';
    if (is_file($file)) {
        require $file;
    }
});
$loaded = 0;
foreach (require '/var/task/classes.php' as $class) {
    try {
        $loaded += class_exists($class) || interface_exists($class) || trait_exists($class) ? 1 : 0;
    } catch (Throwable $error) {
        // It needs a package that is not installed.
    }
}
if ($loaded < ${LEAST_CLASSES}) {
    throw new Exception("only $loaded classes");
}
return function () use ($loaded) { return $loaded; };
`;

/** The times of starts in microseconds, one for each run. */
export interface StartsOfClasses {
  readonly precompiled: readonly number[];
  readonly none: readonly number[];
  readonly empty: readonly number[];
}

/** Measures the start of a function with real classes: precompiled in its package, without opcache, and with an empty cache. */
export async function benchPrecompiled(
  bench: BenchContext,
  options: { readonly recipe: string; readonly runs: number },
): Promise<string> {
  const { recipe, runs } = options;
  const busy = howBusy();
  const times = await startsOfClasses(bench, options);
  const [precompiled, none, empty] = [median(times.precompiled), median(times.none), median(times.empty)];
  const ms = (us: number): string => `${(us / 1000).toFixed(1)} ms`;
  return formatReport(
    `precompiled: ${recipe}, over ${LEAST_CLASSES} classes of Composer and Symfony, from exec to the first answer, medians of ${runs}, ${busy}`,
    [
      { what: 'compiled in the package', value: ms(precompiled) },
      { what: 'no opcache', value: ms(none) },
      { what: 'an empty cache in /tmp', value: ms(empty) },
      {
        what: 'compiled, in times of no opcache',
        value: (precompiled / none).toFixed(2),
        aim: 'at most 0.6',
        met: precompiled <= 0.6 * none,
      },
      {
        what: 'compiled, in times of an empty cache',
        value: (precompiled / empty).toFixed(2),
        aim: 'at most 0.25',
        met: precompiled <= 0.25 * empty,
      },
    ],
  );
}

/** Measures the starts that `benchPrecompiled` reports. */
export async function startsOfClasses(
  bench: BenchContext,
  { recipe, runs }: { readonly recipe: string; readonly runs: number },
): Promise<StartsOfClasses> {
  const opt = await bench.layer(recipe);
  const plan = await planFor(parseRecipeName(recipe), bench.build.library);
  const { resolved, results } = await buildPlan(plan, bench.build);
  const manifest = await manifestOf(resolved, { results, settings: NO_SETTINGS, target: bench.build });
  const code = await functionFiles();
  await using scope = openScope();
  const compiled = await compileBundle(
    { kind: 'function', tree: code },
    { layer: { tree: opt, manifest, runtime: phpRuntime }, context: runContextOf(bench.build), scope },
  );
  const settings = fileEntry(
    'empty/php.ini',
    'zend_extension = opcache\nopcache.enable_cli = 1\nopcache.file_cache = ${CACHE}\nopcache.file_cache_only = 1\n',
  );
  const task = [...code, ...compiled, settings].sort(byPath);
  await using container = await openMeasuringContainer({ opt, task }, bench.build);
  const times: { readonly precompiled: number[]; readonly none: number[]; readonly empty: number[] } = {
    precompiled: [],
    none: [],
    empty: [],
  };
  for (let run = 0; run < runs; run++) {
    times.precompiled.push(await start(container, {}));
    // Without the settings of the package.
    times.none.push(await start(container, { PHP_INI_SCAN_DIR: '' }));
    const cache = `/tmp/empty-${run}`;
    const command = ['/opt/bin/php', '-n', '-r', `mkdir('${cache}');`];
    await container.measure({ command, events: 'none', count: 0 });
    times.empty.push(
      await start(container, { PHP_INI_SCAN_DIR: '', PHPRC: '/var/task/empty', CACHE: cache }),
    );
  }
  return times;
}

async function start(container: MeasuringContainer, env: Readonly<Record<string, string>>): Promise<number> {
  const job = {
    command: ['/opt/bootstrap'],
    env: { ...env, _HANDLER: 'start' },
    events: 'hello',
    count: 1,
  } as const;
  const { firstAnswerUs, errors } = await container.measure(job);
  if (firstAnswerUs === null || errors > 0) throw new Error('the function did not start');
  return firstAnswerUs;
}

/** The handler, the libraries in `lib/`, and the names of the classes to load. */
async function functionFiles(): Promise<readonly TreeEntry[]> {
  const folder = await debianComposer();
  try {
    const root = join(folder, 'root', 'usr', 'share', 'php');
    const names: string[] = [];
    const files: TreeEntry[] = [];
    for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile() || !entry.name.endsWith('.php')) continue;
      const file = join(entry.parentPath, entry.name);
      const path = file.slice(root.length + 1);
      const source = await readFile(file);
      files.push(fileEntry(`lib/${path}`, source));
      const isClass =
        /^(Composer|Symfony)\//.test(path) &&
        /^((abstract|final) )*(class|interface|trait) /m.test(source.toString());
      if (isClass) names.push(path.slice(0, -'.php'.length).replaceAll('/', '\\'));
    }
    const list = names
      .sort()
      .slice(0, MOST_CLASSES)
      .map((name) => `'${name.replaceAll('\\', '\\\\')}'`);
    return [
      ...files,
      fileEntry('classes.php', `<?php return [${list.join(', ')}];\n`),
      fileEntry('src/start.php', HANDLER),
    ];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
