import { readdir, readFile } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { RecipeError, UsageError, type Problem } from '../core/errors.js';
import { errorCodeOf } from '../core/file-system.js';
import { didYouMean } from '../core/nearest-names.js';
import { compareVersions, parseVersion } from '../core/version-order.js';
import { parseYaml } from '../core/yaml-file.js';
import { lineSchema, packageSchema, type LineFile, type PackageFile } from './recipe-schema.js';
import {
  isOfLine,
  nearestVersions,
  newestRelease,
  releasesIn,
  type Release,
  type ReleaseOf,
} from './release.js';
import type {
  Bundle,
  ExtensionSpec,
  Kind,
  Need,
  Recipe,
  SmokeInvocation,
  SmokeSpec,
  VersionRange,
  Position,
} from './recipe.js';

/** The name of a recipe on the command line or in `needs`; without a line, the package's default line. */
export interface RecipeName {
  readonly package: string;
  /**
   * A line, `8.4`, or one release of a line, `8.4.27`; or a variant of one of these, `8.4-minimal`. A line that is named like a
   * release or a variant comes first.
   */
  readonly line: string | undefined;
}

/** A recipe, or the problems in its files. */
export type LoadedRecipe = { readonly recipe: Recipe } | { readonly problems: readonly Problem[] };

/**
 * Recipes by name, from folders that overlay each other file by file. The first folder that has a file wins, so a
 * project can add `php/8.4.25.yaml` and use everything else from the built-in recipes.
 */
export interface RecipeLibrary {
  /** The sorted names (`package/line`) of all recipes, including tools, but without bundled extensions: they have no lines. */
  names(): readonly string[];
  /** The sorted names of all packages of a kind. Leaves out packages with an invalid `package.yaml`. */
  packages(kind: Kind): Promise<readonly string[]>;
  /** The names of the variants that every line of a package has. Empty if `package.yaml` is invalid. */
  variantsOf(packageName: string): Promise<readonly string[]>;
  /** The package of an extension's interpreter. Undefined for other packages, and if `package.yaml` is invalid. */
  interpreterOf(packageName: string): Promise<string | undefined>;
  /**
   * Returns the recipe, or the problems in its files. Throws UsageError, with the nearest names, for an unknown name.
   *
   * An extension is loaded for the interpreter that it is to be compiled for. Without a line, it is the newest one that
   * supports the interpreter's version. UsageError says so if there is none.
   */
  load(name: RecipeName, interpreter?: Recipe): Promise<LoadedRecipe>;
  /** Returns a library with the same recipes that takes the releases of lines from `releaseOf`. Without it, they are the newest. */
  choosing(releaseOf: ReleaseOf): RecipeLibrary;
  /** The path of the build protocol, `stage.sh`. */
  readonly protocolPath: string;
}

/** Loads a recipe. Throws UsageError for an unknown name, and RecipeError with the problems in its files. */
export async function loadRecipe(library: RecipeLibrary, name: RecipeName): Promise<Recipe> {
  const result = await library.load(name);
  if ('problems' in result) throw new RecipeError(result.problems);
  return result.recipe;
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
  const lineFiles = new Map<string, Promise<ReadYaml<LineFile>>>();
  const packageFiles = new Map<string, Promise<ReadYaml<PackageFile>>>();
  const recipes = new Map<string, LoadedRecipe>();

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

  const readLine = (name: string): Promise<ReadYaml<LineFile>> => {
    const known = lineFiles.get(name);
    if (known !== undefined) return known;
    const path = names.includes(name) ? files.get(`${name}.yaml`) : undefined;
    if (path === undefined) throw unknownRecipe(name, names);
    const reading = readYaml(path, lineSchema);
    lineFiles.set(name, reading);
    return reading;
  };

  /** Returns the newest line of an extension that supports a version of its interpreter. */
  const newestFor = async (packageName: string, interpreter: Recipe): Promise<string> => {
    const lines = names.filter((name) => name.startsWith(`${packageName}/`)).reverse();
    const offers: string[] = [];
    for (const name of lines) {
      const file = await readLine(name);
      // An invalid file is reported when it is loaded.
      if (!file.ok || isWithin(interpreter.version, file.value.supports))
        return parseRecipeName(name).line ?? '';
      offers.push(`${name} is for ${interpreter.package} ${describeRange(file.value.supports)}`);
    }
    throw new UsageError(
      `no line of ${packageName} supports ${interpreter.name} ${interpreter.version}: ${offers.join(', ')}`,
      { hint: 'Leave it out, or choose another line of the interpreter.' },
    );
  };

  /** Splits the name of a release into its line and its version. Names of lines come first. Undefined for an unknown release. */
  const lineOfRelease = async (packageName: string, version: string): Promise<string | undefined> => {
    const lines = names
      .filter((name) => name.startsWith(`${packageName}/`))
      .map((name) => parseRecipeName(name).line ?? '')
      // The longest name first: `7.3.0` before `7.3`.
      .sort((a, b) => b.length - a.length);
    let nearest: { readonly name: string; readonly versions: readonly string[] } | undefined;
    for (const line of lines) {
      const name = `${packageName}/${line}`;
      const file = await readLine(name);
      // An invalid file is reported when it is loaded.
      if (!file.ok) continue;
      const versions = releasesIn(file.value).map((release) => release.version);
      if (versions.includes(version)) return line;
      if (isOfLine(version, line)) nearest ??= { name, versions };
    }
    if (nearest !== undefined) throw unknownRelease(`${packageName}/${version}`, { ...nearest, version });
    return undefined;
  };

  const loadLine = async (
    { package: packageName, line, exact, variant }: LineName,
    { packageFile, interpreter, releaseOf }: LineSettings,
  ): Promise<LoadedRecipe> => {
    const lineFile = await readLine(`${packageName}/${line}`);
    const name = nameOf({ package: packageName, line, variant });
    if (!lineFile.ok || !packageFile.ok) {
      return { problems: [...problemsIn(packageFile), ...problemsIn(lineFile)] };
    }
    const { value } = lineFile;
    if (interpreter !== undefined && !isWithin(interpreter.version, value.supports)) {
      throw unsupported(name, { supports: value.supports, interpreter });
    }
    const releases = releasesIn(value);
    const asked = releases.find(({ version }) => version === exact);
    const release = await releaseOf({ name, releases, exact: asked });
    const key = [name, release.version, interpreter?.name, interpreter?.version].join(' ');
    const known = recipes.get(key);
    if (known !== undefined) return known;
    const place = (...path: readonly (string | number)[]): Position => ({
      file: lineFile.path,
      ...lineFile.locate(path),
    });
    const parts = { package: packageName, line, variant, packageFile, value, releases, release, place };
    const recipe = assemble({ ...parts, interpreter, files });
    recipes.set(key, recipe);
    return recipe;
  };

  /** Creates the recipe of an extension whose sources are part of its interpreter's. */
  const loadBundled = (
    packageName: string,
    { packageFile, interpreter }: { packageFile: ReadPackage; interpreter: Recipe },
  ): LoadedRecipe => {
    const { extension } = packageFile.value;
    if (!isWithin(interpreter.version, extension?.supports)) {
      throw unsupported(packageName, { supports: extension?.supports, interpreter });
    }
    const { version, line, sources, patches } = interpreter;
    // It has its copies in every line of its interpreter, in versions that nothing names.
    const bundles = Object.fromEntries(
      Object.keys(packageFile.value.bundles).map((each) => [each, 'unknown']),
    );
    const release = { version, security: [], sources, patches, bundles };
    const place = (...path: readonly (string | number)[]): Position => ({
      file: packageFile.path,
      ...packageFile.locate(['extension', ...path]),
    });
    const value = { needs: extension?.needs ?? [], lines: {}, options: {} };
    const parts = { package: packageName, line, packageFile, value, releases: [release], release };
    return assemble({ ...parts, variant: undefined, place, interpreter, files });
  };

  const libraryWith = (releaseOf: ReleaseOf): RecipeLibrary => ({
    protocolPath,
    names: () => names,
    choosing: libraryWith,
    async packages(kind) {
      const found: string[] = [];
      for (const path of [...files.keys()].filter((each) => /^[^/]+\/package\.yaml$/.test(each)).sort()) {
        const packageName = posix.dirname(path);
        const file = await readPackage({ package: packageName, line: undefined });
        if (file.ok && file.value.kind === kind) found.push(packageName);
      }
      return found;
    },
    async variantsOf(packageName) {
      const file = await readPackage({ package: packageName, line: undefined });
      return file.ok ? Object.keys(file.value.variants) : [];
    },
    async interpreterOf(packageName) {
      const file = await readPackage({ package: packageName, line: undefined });
      return file.ok ? file.value.extension?.of : undefined;
    },
    async load(wanted, interpreter) {
      const packageFile = await readPackage(wanted);
      if (!packageFile.ok && wanted.line === undefined) return { problems: packageFile.problems };
      const extension = packageFile.ok ? packageFile.value.extension : undefined;
      // Only extensions depend on an interpreter.
      const base = extension === undefined ? undefined : interpreter;
      if (base !== undefined && extension?.of !== base.package) {
        throw new UsageError(
          `${wanted.package} is an extension of ${extension?.of ?? ''}, not of ${base.name}`,
        );
      }
      if (packageFile.ok && extension?.bundled === true) {
        if (base === undefined) throw bundledAlone(wanted.package, extension.of);
        if (wanted.line !== undefined && wanted.line !== base.line) {
          throw new UsageError(
            `${written(wanted)} has the version of its interpreter: name it ${wanted.package}`,
          );
        }
        return loadBundled(wanted.package, { packageFile, interpreter: base });
      }
      const line =
        wanted.line ??
        (packageFile.ok ? packageFile.value.default : undefined) ??
        (base === undefined ? newestOf(wanted.package, names) : await newestFor(wanted.package, base));
      const name = `${wanted.package}/${line}`;
      if (!names.includes(name) && wanted.line === undefined && packageFile.ok) {
        const message = `the default line ${name} does not exist.${didYouMean(name, names)}`;
        return { problems: [{ file: packageFile.path, ...packageFile.locate(['default']), message }] };
      }
      const variant =
        names.includes(name) || !packageFile.ok ? undefined : variantIn(line, packageFile.value);
      const version = variant === undefined ? line : line.slice(0, -`-${variant}`.length);
      const isLine = names.includes(`${wanted.package}/${version}`);
      const ofRelease = isLine ? undefined : await lineOfRelease(wanted.package, version);
      return loadLine(
        { package: wanted.package, line: ofRelease ?? version, exact: ofRelease && version, variant },
        { packageFile, interpreter: base, releaseOf },
      );
    },
  });
  return libraryWith(newestRelease);
}

/** The name of a line, and the version of its release that was asked for. */
interface LineName {
  readonly package: string;
  readonly line: string;
  readonly exact: string | undefined;
  readonly variant: string | undefined;
}

interface LineSettings {
  readonly packageFile: ReadYaml<PackageFile>;
  readonly interpreter: Recipe | undefined;
  readonly releaseOf: ReleaseOf;
}

/** Returns the variant that a name ends with: `minimal` of `8.4-minimal`. */
function variantIn(name: string, { variants }: PackageFile): string | undefined {
  return Object.keys(variants).find((variant) => name.endsWith(`-${variant}`));
}

/** `php/8.4`, `php/8.4-minimal`. */
function nameOf(parts: Pick<Recipe, 'package' | 'line' | 'variant'>): string {
  return `${parts.package}/${parts.line}${parts.variant === undefined ? '' : `-${parts.variant}`}`;
}

function newestOf(packageName: string, names: readonly string[]): string {
  const newest = names.filter((name) => name.startsWith(`${packageName}/`)).at(-1);
  if (newest === undefined) throw unknownRecipe(packageName, names);
  return parseRecipeName(newest).line ?? '';
}

function isWithin(version: string, range: Partial<VersionRange> | undefined): boolean {
  const at = parseVersion(version, '');
  const [from, before] = [range?.from, range?.before].map((end) => end && parseVersion(end, ''));
  if (at === undefined) return range === undefined;
  return (!from || compareVersions(at, from) >= 0) && (!before || compareVersions(at, before) < 0);
}

/** `7.4 and later`, `from 8.0 to before 8.3`. */
function describeRange({ from, before }: Partial<VersionRange> = {}): string {
  if (from === undefined) return before === undefined ? 'of any version' : `before ${before}`;
  return before === undefined ? `${from} and later` : `from ${from} to before ${before}`;
}

function unsupported(
  name: string,
  {
    supports,
    interpreter,
  }: { readonly supports: Partial<VersionRange> | undefined; readonly interpreter: Recipe },
): UsageError {
  return new UsageError(
    `${name} does not support ${interpreter.name} ${interpreter.version}: it is for ${interpreter.package} ${describeRange(supports)}`,
    { hint: 'Leave it out, or choose another line of the interpreter.' },
  );
}

function bundledAlone(name: string, interpreter: string): UsageError {
  return new UsageError(
    `${name} is an extension from the sources of ${interpreter}: it has no recipe of its own`,
    {
      hint: `Build it together with a line of its interpreter: \`layersmith build ${interpreter} --with ${name}\`.`,
    },
  );
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

type ReadPackage = ReadYaml<PackageFile> & { readonly ok: true };

interface Parts {
  readonly package: string;
  readonly line: string;
  readonly variant: string | undefined;
  readonly packageFile: ReadPackage;
  /** The content of the line's file. */
  readonly value: Omit<LineFile, 'version' | 'sources' | 'patches'>;
  /** Newest first. */
  readonly releases: readonly Release[];
  /** The chosen one. */
  readonly release: Release;
  /** Returns the place of a value of the line's file. */
  readonly place: (...path: readonly (string | number)[]) => Position;
  /** The interpreter of an extension, where it is known. */
  readonly interpreter: Recipe | undefined;
  readonly files: ReadonlyMap<string, string>;
}

function assemble(parts: Parts): LoadedRecipe {
  const { packageFile, value, place, release } = parts;
  const own = below(parts.files, `${parts.package}/`);
  const path = place().file;
  const { summary, options, without, smoke: smokeOfVariant } = variantOf(parts);
  const ofLine = value.needs.map((text, index): Need => ({
    ...parseRecipeName(text),
    position: place('needs', index),
  }));
  const named = ofLine.filter((need) => !without.needs.includes(need.package));
  const extension = extensionOf(parts);
  const needs = extension === undefined ? named : [interpreterNeed(extension, parts.interpreter), ...named];
  const problems: Problem[] = needs
    .filter((need, index) => needs.findIndex((other) => other.package === need.package) < index)
    .map((need) => ({ ...need.position, message: `${need.package} is needed twice` }));
  const { bundles: bundlesOfLine, problems: bundleProblems } = bundlesOf(parts);
  const bundles = bundlesOfLine.filter((bundle) => !without.bundles.includes(bundle.name));
  problems.push(...bundleProblems, ...patchProblems(parts));
  const patching = release.patches.length === 0 ? undefined : parts.files.get(PATCH_PROTOCOL);
  if (release.patches.length > 0 && patching === undefined)
    problems.push(wholeFile(path, `${PATCH_PROTOCOL} is missing beside stage.sh: it applies \`patches\``));
  if (!own.has(BUILD)) problems.push(wholeFile(path, 'build.sh is missing in its folder'));
  if (problems.length > 0) return { problems };
  const { layer, smoke } = packageFile.value;
  const filesOfLine = below(own, `${parts.line}/`);
  const protocol = extension && protocolOf(extension, parts.files);
  const recipe: Recipe = {
    package: parts.package,
    line: parts.line,
    variant: parts.variant,
    name: nameOf(parts),
    kind: packageFile.value.kind,
    summary,
    homepage: packageFile.value.homepage,
    license: licenseOf(value) ?? licenseOf(packageFile.value) ?? '',
    cpe: packageFile.value.cpe,
    version: release.version,
    releases: parts.releases,
    endOfLife: value.endOfLife,
    needs,
    // An extension that brings a library which the variant is without gets the line that goes with the interpreter.
    lines: { ...linesOf(ofLine.filter((need) => !named.includes(need))), ...value.lines },
    options: { ...value.options, ...options },
    sources: release.sources,
    patches: release.patches,
    bundles,
    layer: layer && {
      ...layer,
      files: value.layer?.files ?? layer.files,
      extensions: (value.layer?.extensions ?? layer.extensions).filter(
        (name) => !without.extensions.includes(name),
      ),
      position: { file: packageFile.path, ...packageFile.locate(['layer', 'interpreter']) },
    },
    extension,
    smoke: smoke && smokeSpec({ ...smoke, ...defined(value.smoke), ...defined(smokeOfVariant) }),
    buildFiles: new Map([
      ...[...own]
        .filter(([file]) => isBuildFile(file, { version: release.version, line: parts.line, all: own }))
        .map(([file, full]) => [patching !== undefined && file === BUILD ? OWN_BUILD : file, full] as const),
      ...(patching === undefined ? [] : [[BUILD, patching] as const]),
      ...(protocol ?? []),
    ]),
    smokeFiles: new Map([...below(own, 'smoke/'), ...below(filesOfLine, 'smoke/')]),
    layerFiles: new Map([...below(own, 'layer/'), ...below(filesOfLine, 'layer/')]),
    path,
  };
  return { recipe };
}

/** Returns what the variant of a recipe changes: nothing if it has none. */
function variantOf({ variant, packageFile }: Parts): PackageFile['variants'][string] {
  const found = variant === undefined ? undefined : packageFile.value.variants[variant];
  return (
    found ?? {
      summary: packageFile.value.summary,
      options: {},
      without: { needs: [], bundles: [], extensions: [] },
    }
  );
}

function linesOf(needs: readonly Need[]): Record<string, string> {
  return Object.fromEntries(
    needs.flatMap((need) => (need.line === undefined ? [] : [[need.package, need.line] as const])),
  );
}

const BUILD = 'build.sh';
/** Where build.sh of a recipe with `patches` is: the build protocol runs PATCH_PROTOCOL in its place. */
const OWN_BUILD = 'own/build.sh';
/** The file beside stage.sh that applies `patches` of a recipe. */
const PATCH_PROTOCOL = 'patched.sh';

/** Files in an interpreter's folder that go into the builds of its extensions, and not into its own: for modules, and for programs. */
const MODULE_PROTOCOL = 'extension.sh';
const PROGRAM_PROTOCOL = 'program.sh';

function protocolOf(
  { of, directive }: ExtensionSpec,
  files: ReadonlyMap<string, string>,
): readonly (readonly [string, string])[] {
  const name = directive === undefined ? PROGRAM_PROTOCOL : MODULE_PROTOCOL;
  const file = files.get(`${of}/${name}`);
  return file === undefined ? [] : [[name, file]];
}

function extensionOf({ package: name, packageFile, value }: Parts): ExtensionSpec | undefined {
  const { extension } = packageFile.value;
  if (extension === undefined) return undefined;
  const { of, order, zend, module, ini, conflicts, requires, bundled } = extension;
  const supports = bundled ? extension.supports : value.supports;
  return {
    ...{ of, order, ini, conflicts, requires },
    directive: module ? (zend ? 'zend_extension' : 'extension') : undefined,
    supports: { from: supports?.from, before: supports?.before },
    files: extension.files ?? [`lib/${of}/extensions/${name}.so`],
    starts: extension.starts ?? [],
    position: { file: packageFile.path, ...packageFile.locate(['extension']) },
  };
}

function interpreterNeed({ of, position }: ExtensionSpec, interpreter: Recipe | undefined): Need {
  return { package: of, line: interpreter?.line, position };
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

/** Returns the bundles of a release, which names them with their versions, with the descriptions in package.yaml. */
function bundlesOf({ packageFile, value, release, place }: Parts): {
  readonly bundles: readonly Bundle[];
  readonly problems: readonly Problem[];
} {
  const described = new Map(Object.entries(packageFile.value.bundles));
  const bundles: Bundle[] = [];
  const problems: Problem[] = [];
  for (const [name, version] of Object.entries(release.bundles)) {
    const bundle = described.get(name);
    const index = value.releases?.findIndex(({ bundles: own }) => own?.[name] !== undefined) ?? -1;
    const position = index === -1 ? place('bundles', name) : place('releases', index, 'bundles', name);
    if (bundle === undefined) {
      const near = didYouMean(name, [...described.keys()]);
      problems.push({ ...position, message: `package.yaml does not describe the bundle ${name}.${near}` });
    } else if (release.sources.some((source) => source.name === name)) {
      problems.push({ ...position, message: `${name} is a source and a bundle` });
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

/** Returns the problems of patches whose source is not among the others of the release. */
function patchProblems({ release, value, place }: Parts): readonly Problem[] {
  const [first, ...others] = release.sources.map(({ name }) => name);
  const index = value.releases?.findIndex(({ version }) => version === release.version) ?? -1;
  return [...new Set(release.patches.map(({ source }) => source))]
    .filter((source) => !others.includes(source))
    .map((source) => {
      const position = index === -1 ? place('patches', source) : place('releases', index, 'patches', source);
      const message =
        source === first
          ? `patches of the first source, ${source}, are applied to itself: they belong in another source`
          : `there is no source ${source}, whose patches are to be applied.${didYouMean(source, others)}`;
      return { ...position, message };
    });
}

/** Excludes YAML files, files that only the layer or its smoke tests use, patches for other versions, and files of other lines. */
function isBuildFile(
  file: string,
  {
    version,
    line,
    all,
  }: { readonly version: string; readonly line: string; readonly all: ReadonlyMap<string, string> },
): boolean {
  const [first = '', second] = file.split('/');
  if (file.endsWith('.yaml') || ['smoke', 'layer', MODULE_PROTOCOL, PROGRAM_PROTOCOL].includes(first))
    return false;
  if (all.has(`${first}.yaml`) && ['smoke', 'layer'].includes(second ?? '')) return false;
  // A bundled extension has no lines of its own: its folders are those of its interpreter's lines.
  if (second !== undefined && /^\d/.test(first) && first !== line) return false;
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

function unknownRelease(
  name: string,
  line: { readonly name: string; readonly versions: readonly string[]; readonly version: string },
): UsageError {
  const packageName = parseRecipeName(name).package;
  const near = nearestVersions(line.version, line.versions).map((version) => `${packageName}/${version}`);
  return new UsageError(
    `${name} is not a known release of ${line.name}. Did you mean ${near.join(' or ')}?`,
    {
      hint: `Run \`layersmith recipes ${line.name}\` to list its releases, or add this one to its file.`,
    },
  );
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
