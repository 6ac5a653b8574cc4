import { InternalError } from '../core/errors.js';
import type { AbiProfile } from '../platform/abi-profile.js';
import type { Architecture } from '../platform/platform.js';
import { bootstrapFindings } from './bootstrap-rules.js';
import { fileFindings } from './file-rules.js';
import type { LayerFacts } from './layer-facts.js';
import { libraryFindings } from './library-rules.js';
import { moduleFindings } from './module-rules.js';
import { RULES, type Finding } from './rules.js';
import { treeFindings, unzippedBytes } from './tree-rules.js';

/** The errors that keep a layer from running on a platform. */
export interface StoppedBy {
  readonly platform: string;
  readonly findings: readonly Finding[];
}

/** The result of the audit of a layer. */
export interface AuditReport {
  readonly platform: string;
  readonly architecture: Architecture;
  /** Errors and warnings, by path. */
  readonly findings: readonly Finding[];
  /** The oldest platform on which the layer runs. Undefined if it runs on none. */
  readonly oldestPlatform: string | undefined;
  /** Why it runs on no platform: the errors on the newest one. Undefined if it runs on some platform. */
  readonly stoppedBy: StoppedBy | undefined;
  readonly elfFiles: number;
  readonly unzippedBytes: number;
}

/** Options of `auditLayer`. */
export interface AuditOptions {
  /** The profiles of all platforms for the architecture of the layer, oldest first. */
  readonly profiles: readonly AbiProfile[];
  /** The name of the platform to check against. */
  readonly platform: string;
  /** False for a layer that only adds files to another one. */
  readonly needsBootstrap: boolean;
  /** The path of a program that is at a fixed address by choice: a warning then. Undefined if there is none. */
  readonly fixedAddress?: string | undefined;
  /** The size of the zip. Undefined if there is none yet. */
  readonly zipBytes: number | undefined;
}

/**
 * Checks any layer against `RULES`: what keeps it from running on the platform, and what is unsafe in production. Every problem
 * is a finding, even in files that are damaged on purpose.
 */
export async function auditLayer(facts: LayerFacts, options: AuditOptions): Promise<AuditReport> {
  const { profiles, platform } = options;
  const profile = profiles.find(({ name }) => name === platform);
  if (profile === undefined) throw new InternalError(`no ABI profile for ${platform}`);
  const everywhere = [
    ...fileFindings(facts, profile.architecture, options.fixedAddress),
    ...treeFindings(facts, options.zipBytes),
  ];
  // What modules share with others stops no layer, so it is looked for on the wanted platform alone.
  const here = [
    ...(await findingsOn(profile, { facts, options })),
    ...(await moduleFindings(facts, profile)),
  ];
  const always = everywhere.filter(stopsIt);
  const oldestPlatform = always.length > 0 ? undefined : await oldestOf({ facts, options });
  return {
    platform,
    architecture: profile.architecture,
    findings: [...everywhere, ...here].sort(byPlace),
    oldestPlatform,
    stoppedBy:
      oldestPlatform === undefined ? await stoppedBy({ facts, options, everywhere: always }) : undefined,
    elfFiles: facts.elfs.size,
    unzippedBytes: unzippedBytes(facts),
  };
}

/** Returns the errors of a report. */
export function errorsOf({ findings }: AuditReport): readonly Finding[] {
  return findings.filter(({ severity }) => severity === 'error');
}

interface Looking {
  readonly facts: LayerFacts;
  readonly options: AuditOptions;
}

async function findingsOn(profile: AbiProfile, { facts, options }: Looking): Promise<readonly Finding[]> {
  const { profiles, needsBootstrap } = options;
  return [
    ...(await libraryFindings(facts, { profile, profiles })),
    ...(needsBootstrap ? await bootstrapFindings(facts, profile) : []),
  ];
}

async function oldestOf(looking: Looking): Promise<string | undefined> {
  for (const profile of looking.options.profiles) {
    if (!(await findingsOn(profile, looking)).some(stopsIt)) return profile.name;
  }
  return undefined;
}

/** Returns what stops a layer on the newest platform, which provides the most. */
async function stoppedBy({
  everywhere,
  ...looking
}: Looking & { readonly everywhere: readonly Finding[] }): Promise<StoppedBy | undefined> {
  const newest = looking.options.profiles.at(-1);
  if (newest === undefined) return undefined;
  const there = (await findingsOn(newest, looking)).filter(stopsIt);
  return { platform: newest.name, findings: [...everywhere, ...there].sort(byPlace) };
}

function stopsIt({ rule, severity }: Finding): boolean {
  return severity === 'error' && RULES[rule].stopsIt;
}

/** Sorts findings: those of the layer as a whole first, then by path, rule and message. */
function byPlace(a: Finding, b: Finding): number {
  const key = ({ path, rule, message }: Finding): string => [path ?? '', rule, message].join('\0');
  return key(a) < key(b) ? -1 : Number(key(a) > key(b));
}
