import { sha256 } from '../../src/core/digest.js';
import type { BuiltRecord } from '../../src/layer/layer-record.js';
import { manifestWith } from './manifest.js';

/** The record beside a layer of Lua; change what the test is about. */
export function recordWith(changes: Partial<BuiltRecord> = {}): BuiltRecord {
  return {
    ...manifestWith(),
    layer: { file: 'layer.zip', sha256: sha256('layer'), sizeBytes: 5 },
    usedSources: {},
    toolchainReason: 'wanted',
    audit: { platform: 'provided.al2023', oldestPlatform: 'provided.al2023' },
    smokeTests: { runtimeDigest: 'sha256:0', programs: 1, invocations: 1 },
    ...changes,
  };
}
