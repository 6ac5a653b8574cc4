import type { FunctionSettings } from '../../src/publish/function-service.js';

/** The settings of a deployment that sets nothing. */
export const NO_SETTINGS: FunctionSettings = {
  handler: undefined,
  runtime: undefined,
  architecture: undefined,
  role: undefined,
  layers: undefined,
  memoryMb: undefined,
  timeoutSeconds: undefined,
  env: undefined,
};
