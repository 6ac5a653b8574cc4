import { isDeepStrictEqual } from 'node:util';
import { UsageError } from '../core/errors.js';
import type { ZipFile } from '../tree/zip-file.js';
import { checkFunctionSettings } from './function-settings.js';
import { checkFunctionName } from './names.js';
import type { FunctionService, FunctionSettings } from './function-service.js';
import type { CodeLocation } from './layer-registry.js';

/** A function that is deployed and active. */
export interface DeployedFunction {
  readonly status: 'created' | 'updated' | 'unchanged';
  readonly arn: string;
  readonly region: string;
  readonly role: string;
  /** What was changed in an existing function. */
  readonly changed: readonly ('code' | 'settings')[];
}

/** IAM's limit for the name of a role. */
const MAX_ROLE_NAME = 64;

/** Checks the settings of a function before anything is read or sent. Throws UsageError. */
export function checkDeployment(name: string, settings: FunctionSettings): void {
  checkFunctionName(name);
  checkFunctionSettings(settings);
}

/**
 * Creates a function, or updates what differs in an existing one, and waits until it can be invoked. An existing function
 * keeps its handler and role unless others are given. A new one needs a handler, and gets the role `NAME-role`, which is
 * created if it does not exist.
 *
 * Throws UsageError for a new function without a handler and for layers of another architecture than the function's, PublishError
 * if AWS refuses a call.
 */
export async function deployFunction(
  name: string,
  {
    service,
    settings,
    zip,
    code,
    onDoing,
  }: {
    readonly service: FunctionService;
    readonly settings: FunctionSettings;
    readonly zip: ZipFile;
    /** Uploads the zip. Called only if the code changes. */
    readonly code: () => Promise<CodeLocation>;
    readonly onDoing: (line: string) => void;
  },
): Promise<DeployedFunction> {
  const { region } = service;
  const existing = await service.find(name);
  if (existing === undefined) {
    const { handler } = settings;
    if (handler === undefined)
      throw new UsageError(
        `the function ${name} does not exist in ${region}, and a new one needs a handler`,
        {
          hint: 'Name the handler with --handler; for an existing function, check --name and --region.',
        },
      );
    const { runtime = 'provided.al2023', architecture = 'x86_64' } = settings;
    await checkLayers(settings.layers, { architecture, service });
    const role = settings.role ?? (await newRole(name, { service, onDoing }));
    onDoing(`creating the function ${name} in ${region}`);
    const arn = await service.create(
      name,
      { ...settings, handler, role, runtime, architecture },
      await code(),
    );
    await service.settled(name);
    return { status: 'created', arn, region, role, changed: [] };
  }
  const { arn } = existing;
  const architecture = settings.architecture ?? existing.architecture;
  const kept = architecture === existing.architecture ? undefined : existing.layers;
  await checkLayers(settings.layers ?? kept, { architecture, service });
  // Lambda refuses a change while an earlier one is in progress.
  await service.settled(name);
  const changed: ('code' | 'settings')[] = [];
  const codeSha256 = Buffer.from(zip.sha256, 'hex').toString('base64');
  if (existing.codeSha256 !== codeSha256 || existing.architecture !== architecture) {
    onDoing(`updating the code of ${name} in ${region}`);
    await service.updateCode(name, architecture, await code());
    await service.settled(name);
    changed.push('code');
  }
  const differs = Object.entries(settings).some(
    ([key, value]) =>
      // The architecture is updated together with the code.
      key !== 'architecture' &&
      value !== undefined &&
      !isDeepStrictEqual(value, existing[key as keyof FunctionSettings]),
  );
  if (differs) {
    onDoing(`updating the settings of ${name} in ${region}`);
    await service.updateSettings(name, settings);
    await service.settled(name);
    changed.push('settings');
  }
  const role = settings.role ?? existing.role;
  return { status: changed.length === 0 ? 'unchanged' : 'updated', arn, region, role, changed };
}

/**
 * Checks that layers are for the function's architecture, which Lambda does not: their programs would not start. Throws UsageError
 * for the first one that is not.
 */
async function checkLayers(
  layers: readonly string[] = [],
  { architecture, service }: { readonly architecture: string; readonly service: FunctionService },
): Promise<void> {
  for (const layer of layers) {
    const supported = (await service.layerArchitectures(layer)) ?? [];
    if (supported.length === 0 || supported.includes(architecture)) continue;
    const others = supported.join(' and ');
    throw new UsageError(`the layer ${layer} is for ${others}, but the function is for ${architecture}`, {
      hint: `Name a layer for ${architecture} with --layer, or make the function one for ${others} (--arch).`,
    });
  }
}

async function newRole(
  name: string,
  { service, onDoing }: { readonly service: FunctionService; readonly onDoing: (line: string) => void },
): Promise<string> {
  const roleName = `${name.slice(0, MAX_ROLE_NAME - '-role'.length)}-role`;
  const { arn, isNew } = await service.ensureRole(roleName);
  onDoing(isNew ? `created the role ${arn}` : `using the role ${arn}`);
  return arn;
}
