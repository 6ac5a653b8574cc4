import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UsageError, type Problem } from '../core/errors.js';
import { errorCodeOf } from '../core/file-system.js';
import { didYouMean } from '../core/nearest-names.js';
import { parseYaml } from '../core/yaml-file.js';
import { lineSchema, packageSchema, type LineFile, type PackageFile } from './recipe-schema.js';
import type { Bundle, Need, Recipe, SmokeInvocation, SmokeSpec } from './recipe.js';

/** The name of a recipe on the command line or in `needs`; without a line, the package's default line. */
export interface RecipeName {
  readonly package: string;
  readonly line: string | undefined;
}

/**
 * Recipes by name, from folders that overlay each other file by file. The first folder that has a file wins, so a
 * project can add `php/8.4.25.yaml` and use everything else from the built-in recipes.
 */
export interface RecipeLibrary {
  /** The sorted names (`package/line`) of all recipes, including tools. */
  names(): readonly string[];
  /**
   * Returns the recipe, or the problems in its files. Throws UsageError, with the nearest names, for an unknown name.
   */
  load(name: RecipeName): Promise<{ readonly recipe: Recipe } | { readonly problems: readonly Problem[] }>;
  /** The path of the build protocol, `stage.sh`. */
  readonly protocolPath: string;
}

/** Splits a recipe name, `php/8.4` or `php`. */
export function parseRecipeName(text: string): RecipeName {
  const [packageName = '', ...rest] = text.split('/');
  return { package: packageName, line: rest.length === 0 ? undefined : rest.join('/') };
}

/**
 * Opens recipe folders; earlier ones override later ones. Throws UsageError for a folder that cannot be read.
 */
export async function openRecipeLibrary(folders: readonly string[]): Promise<RecipeLibrary> {
  const files = new Map<string, string>();
  for (const folder of folders) {
    for (const path of await listFiles(folder)) {
      if (!files.has(path)) files.set(path, join(folder, path));
    }
  }
  const names = [...files.keys()]
    .filter((path) => /^[^/]+\/[^/]+\.yaml$/.test(path) && !path.endsWith('/package.yaml'))
    .map((path) => path.slice(0, -'.yaml'.length))
    .sort(compareNames);
  const protocolPath = files.get('stage.sh');
  if (protocolPath === undefined) throw new UsageError(`no stage.sh in ${folders.join(', ')}`);
  const packageFiles = new Map<string, Promise<ReadYaml<PackageFile>>>();
  const recipes = new Map<string, Promise<{ recipe: Recipe } | { problems: readonly Problem[] }>>();

  const readPackage = (wanted: RecipeName): Promise<ReadYaml<PackageFile>> => {
    const packageName = wanted.package;
    const known = packageFiles.get(packageName);
    if (known !== undefined) return known;
    const path = files.get(`${packageName}/package.yaml`);
    if (path === undefined) return Promise.resolve(noPackageFile(wanted));
    const reading = readYaml(path, packageSchema);
    packageFiles.set(packageName, reading);
    return reading;
  };

  /** A package that has lines but no package.yaml is an error in the folder; any other is an unknown name. */
  const noPackageFile = (wanted: RecipeName): ReadYaml<PackageFile> => {
    const name = names.find((other) =>
      wanted.line === undefined
        ? other.startsWith(`${wanted.package}/`)
        : other === `${wanted.package}/${wanted.line}`,
    );
    const file = files.get(`${name ?? ''}.yaml`);
    if (file === undefined) throw unknownRecipe(written(wanted), names);
    return { ok: false, path: file, problems: [wholeFile(file, 'package.yaml is missing in its folder')] };
  };

  return {
    protocolPath,
    names: () => names,
    async load(wanted) {
      const packageFile = await readPackage(wanted);
      const line = wanted.line ?? (packageFile.ok ? packageFile.value.default : undefined);
      if (line === undefined) return { problems: problemsIn(packageFile) };
      const name = `${wanted.package}/${line}`;
      const path = names.includes(name) ? files.get(`${name}.yaml`) : undefined;
      if (path === undefined) {
        if (wanted.line !== undefined || !packageFile.ok) throw unknownRecipe(name, names);
        const message = `the default line ${name} does not exist.${didYouMean(name, names)}`;
        return { problems: [{ file: packageFile.path, ...packageFile.locate(['default']), message }] };
      }
      let loading = recipes.get(name);
      if (loading === undefined) {
        loading = readYaml(path, lineSchema).then((lineFile) => {
          if (!lineFile.ok || !packageFile.ok) {
            return { problems: [...problemsIn(packageFile), ...problemsIn(lineFile)] };
          }
          return assemble({ package: wanted.package, line, packageFile, lineFile, files });
        });
        recipes.set(name, loading);
      }
      return loading;
    },
  };
}

type ReadYaml<T> = ReturnType<typeof parseYaml<T>> & { readonly path: string };

/** A problem without a place in the file is reported at its beginning, where an editor can open it. */
function wholeFile(file: string, message: string): Problem {
  return { file, line: 1, column: 1, message };
}

/** Returns the problem for a recipe file that cannot be read. Rethrows errors that are not system errors. */
export function unreadableFile(file: string, error: unknown): Problem {
  const code = errorCodeOf(error);
  if (code === undefined) throw error;
  return wholeFile(file, `cannot read the file (${code})`);
}

function written(name: RecipeName): string {
  return name.line === undefined ? name.package : `${name.package}/${name.line}`;
}

function problemsIn(file: ReadYaml<unknown>): readonly Problem[] {
  return file.ok ? [] : file.problems;
}

async function readYaml<T>(
  path: string,
  schema: Parameters<typeof parseYaml<T>>[1]['schema'],
): Promise<ReadYaml<T>> {
  try {
    return { ...parseYaml(await readFile(path, 'utf8'), { file: path, schema }), path };
  } catch (error) {
    return { ok: false, path, problems: [unreadableFile(path, error)] };
  }
}

interface Parts {
  readonly package: string;
  readonly line: string;
  readonly packageFile: ReadYaml<PackageFile> & { readonly ok: true };
  readonly lineFile: ReadYaml<LineFile> & { readonly ok: true };
  readonly files: ReadonlyMap<string, string>;
}

function assemble(parts: Parts): { recipe: Recipe } | { problems: readonly Problem[] } {
  const { packageFile, lineFile } = parts;
  const { value } = lineFile;
  const own = below(parts.files, `${parts.package}/`);
  const path = lineFile.path;
  const needs = value.needs.map((text, index): Need => {
    const name = parseRecipeName(text);
    return { ...name, position: { file: path, ...lineFile.locate(['needs', index]) } };
  });
  const problems: Problem[] = needs
    .filter((need, index) => needs.findIndex((other) => other.package === need.package) < index)
    .map((need) => ({ ...need.position, message: `${need.package} is needed twice` }));
  const { bundles, problems: bundleProblems } = bundlesOf(parts);
  problems.push(...bundleProblems);
  if (!own.has('build.sh')) problems.push(wholeFile(path, 'build.sh is missing in its folder'));
  if (problems.length > 0) return { problems };
  const { layer, smoke } = packageFile.value;
  const ofLine = below(own, `${parts.line}/`);
  const recipe: Recipe = {
    package: parts.package,
    line: parts.line,
    name: `${parts.package}/${parts.line}`,
    kind: packageFile.value.kind,
    summary: packageFile.value.summary,
    homepage: packageFile.value.homepage,
    license: licenseOf(value) ?? licenseOf(packageFile.value) ?? '',
    cpe: packageFile.value.cpe,
    version: value.version,
    endOfLife: value.endOfLife,
    needs,
    options: value.options,
    sources: Object.entries(value.sources).map(([name, files]) => ({
      name,
      alternatives: files.map(({ file, sha256, urls }) => ({ name: file, sha256, urls })),
    })),
    bundles,
    layer: layer && {
      ...layer,
      files: value.layer?.files ?? layer.files,
      position: { file: packageFile.path, ...packageFile.locate(['layer', 'interpreter']) },
    },
    smoke: smoke && smokeSpec({ ...smoke, ...defined(value.smoke) }),
    buildFiles: new Map([...own].filter(([file]) => isBuildFile(file, { version: value.version, all: own }))),
    smokeFiles: new Map([...below(own, 'smoke/'), ...below(ofLine, 'smoke/')]),
    layerFiles: new Map([...below(own, 'layer/'), ...below(ofLine, 'layer/')]),
    path,
  };
  return { recipe };
}

function licenseOf({
  license,
  licence,
}: {
  readonly license?: string | undefined;
  readonly licence?: string | undefined;
}): string | undefined {
  return license ?? licence;
}

/** Returns the smoke tests of a line that override those of its package. */
function defined({ programs, invocations }: NonNullable<LineFile['smoke']> = {}): Partial<SmokeFile> {
  return { ...(programs && { programs }), ...(invocations && { invocations }) };
}

type SmokeFile = NonNullable<PackageFile['smoke']>;

function smokeSpec(smoke: SmokeFile): SmokeSpec {
  return {
    programs: smoke.programs.map(({ run: [program = '', ...rest], ...other }) => ({
      ...other,
      run: [program, ...rest],
    })),
    invocations: smoke.invocations.map(({ result, error, ...rest }) => ({
      ...rest,
      expected: expectation(result, error),
    })),
  };
}

/** A text must match the answer exactly; any other value is compared as JSON. */
function expectation(
  result: unknown,
  error: { readonly errorType: string; readonly errorMessage: string } | undefined,
): SmokeInvocation['expected'] {
  if (error !== undefined) return { kind: 'error', ...error };
  return typeof result === 'string' ? { kind: 'text', body: result } : { kind: 'json', value: result };
}

/** Returns the bundles of a line, which names them with their versions, with the descriptions in package.yaml. */
function bundlesOf({ packageFile, lineFile }: Parts): {
  readonly bundles: readonly Bundle[];
  readonly problems: readonly Problem[];
} {
  const described = new Map(Object.entries(packageFile.value.bundles));
  const bundles: Bundle[] = [];
  const problems: Problem[] = [];
  for (const [name, version] of Object.entries(lineFile.value.bundles)) {
    const bundle = described.get(name);
    const place = { file: lineFile.path, ...lineFile.locate(['bundles', name]) };
    if (bundle === undefined) {
      const near = didYouMean(name, [...described.keys()]);
      problems.push({ ...place, message: `package.yaml does not describe the bundle ${name}.${near}` });
    } else if (Object.hasOwn(lineFile.value.sources, name)) {
      problems.push({ ...place, message: `${name} is a source and a bundle` });
    } else {
      const { license, homepage, cpe, from, pattern } = bundle;
      bundles.push({
        ...{ name, version: version === 'unknown' ? undefined : version },
        ...{ license, homepage, cpe, from, pattern },
      });
    }
  }
  return { bundles, problems };
}

/** Excludes YAML files, files that only the layer or its smoke tests use, and patches for other versions. */
function isBuildFile(
  file: string,
  { version, all }: { readonly version: string; readonly all: ReadonlyMap<string, string> },
): boolean {
  const [first = '', second] = file.split('/');
  if (file.endsWith('.yaml') || ['smoke', 'layer'].includes(first)) return false;
  if (all.has(`${first}.yaml`) && ['smoke', 'layer'].includes(second ?? '')) return false;
  return first !== 'patches' || file.startsWith(`patches/${version}-`);
}

function below(files: ReadonlyMap<string, string>, prefix: string): Map<string, string> {
  return new Map(
    [...files]
      .filter(([path]) => path.startsWith(prefix))
      .map(([path, full]) => [path.slice(prefix.length), full]),
  );
}

async function listFiles(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    return entries
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(join(folder, '/').length))
      .sort();
  } catch (cause) {
    throw new UsageError(
      `cannot read the recipe folder ${folder} (${errorCodeOf(cause) ?? 'unknown error'})`,
      {
        hint: 'Set --recipes to a folder that contains PACKAGE/LINE.yaml files.',
        cause,
      },
    );
  }
}

function unknownRecipe(name: string, names: readonly string[]): UsageError {
  const packages = names.map((known) => parseRecipeName(known).package);
  const near = name.includes('/') ? names : [...new Set([...packages, ...names])];
  return new UsageError(`there is no recipe ${name}.${didYouMean(name, near)}`, {
    hint: 'Run `layersmith recipes` to list all recipes.',
  });
}

/** Sorts by package, then by version: `php/7.4` before `php/8.2` before `php/8.10`. */
function compareNames(a: string, b: string): number {
  const [packageA = '', lineA = ''] = a.split('/');
  const [packageB = '', lineB = ''] = b.split('/');
  if (packageA !== packageB) return packageA < packageB ? -1 : 1;
  const partsA = lineA.split('.');
  const partsB = lineB.split('.');
  for (let index = 0; index < Math.max(partsA.length, partsB.length); index++) {
    const difference =
      Number.parseInt(partsA[index] ?? '-1', 10) - Number.parseInt(partsB[index] ?? '-1', 10);
    if (difference !== 0 && !Number.isNaN(difference)) return difference;
  }
  return lineA < lineB ? -1 : Number(lineA > lineB);
}
