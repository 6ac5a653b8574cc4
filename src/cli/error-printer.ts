import { LayersmithError } from '../core/errors.js';

/** Prints an error for people: what happened, the values that matter, what to do. A defect has its stack. */
export function printError(error: unknown, print: (text: string) => void): void {
  if (!(error instanceof LayersmithError) || error.code === 'internal') {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    print(
      `layersmith: internal error: ${text}\n  This is a defect of layersmith. Please report it with the lines above.\n`,
    );
    return;
  }
  const lines = [`layersmith: ${error.message}`];
  const stages = [...new Set(error.stages)].filter((stage) => !error.message.includes(stage));
  if (stages.length > 0) lines.push(`  in stage: ${stages.join(' → ')}`);
  for (const [name, value] of Object.entries(error.details)) {
    if (typeof value === 'string') lines.push(`  ${name}: ${value}`);
    else lines.push(`  ${name}:`, ...value.map((line) => `    ${line}`));
  }
  if (error.hint !== undefined) lines.push(`  → ${error.hint}`);
  print(`${lines.join('\n')}\n`);
}
