import { isDeepStrictEqual } from 'node:util';
import type { FunctionService, FunctionSettings } from './function-service.js';
import type { CodeLocation, ZipFile } from './layer-registry.js';

export interface DeployedFunction {
  readonly status: 'created' | 'updated' | 'unchanged';
  readonly arn: string;
  readonly region: string;
  readonly role: string;
  /** What was changed of a function that was there. */
  readonly changed: readonly ('code' | 'settings')[];
}

/** A role's name has no more characters. */
const MAX_ROLE_NAME = 64;

/**
 * Creates a function, or changes what differs of the one that is there, and waits until it can be invoked. A function that
 * exists keeps its role unless another one is named; a new one gets the role `NAME-role`, which is made if need be.
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
    /** Called when it is to be sent. */
    readonly code: () => Promise<CodeLocation>;
    readonly onDoing: (line: string) => void;
  },
): Promise<DeployedFunction> {
  const { region } = service;
  const existing = await service.find(name);
  if (existing === undefined) {
    const role = settings.role ?? (await newRole(name, { service, onDoing }));
    onDoing(`creating the function ${name} in ${region}`);
    const { runtime = 'provided.al2023', architecture = 'x86_64' } = settings;
    const arn = await service.create(name, { ...settings, role, runtime, architecture }, await code());
    await service.settled(name);
    return { status: 'created', arn, region, role, changed: [] };
  }
  const { arn } = existing;
  // It may still be changing from before, and would refuse.
  await service.settled(name);
  const changed: ('code' | 'settings')[] = [];
  const architecture = settings.architecture ?? existing.architecture;
  const codeSha256 = Buffer.from(zip.sha256, 'hex').toString('base64');
  if (existing.codeSha256 !== codeSha256 || existing.architecture !== architecture) {
    onDoing(`updating the code of ${name} in ${region}`);
    await service.updateCode(name, architecture, await code());
    await service.settled(name);
    changed.push('code');
  }
  const differs = Object.entries(settings).some(
    ([key, value]) =>
      // A function has its architecture from its code.
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

async function newRole(
  name: string,
  { service, onDoing }: { readonly service: FunctionService; readonly onDoing: (line: string) => void },
): Promise<string> {
  const roleName = `${name.slice(0, MAX_ROLE_NAME - '-role'.length)}-role`;
  const { arn, isNew } = await service.ensureRole(roleName);
  onDoing(isNew ? `made the role ${arn}` : `the role is ${arn}`);
  return arn;
}
