import type { ExtensionCosts } from '../src/cli/extension-costs.js';
import { size } from '../src/cli/words.js';

const HEAD = `# What extensions cost

\`make bench BENCH=extensions\` measures what each extension adds to a layer, and writes this page and the data with which
\`layersmith extensions\` tells the same. \`RECIPE=php/7.4\` measures another line, \`EXTENSIONS=redis,apcu\` only some.

- **zip**: how many bytes it adds to the zip of a layer without extensions, with the extensions and libraries that it brings.
- **start**: the CPU time from \`exec\` to the first request for an event, in times of the same without extensions. Both are measured
  in turn, as in [performance.md](performance.md).
`;

/** Formats docs/extension-costs.md. */
export function costsPage(costs: ExtensionCosts): string {
  const parts = Object.entries(costs).map(
    ([base, { version, platform, architecture, zipBytes, extensions }]) =>
      [
        `## ${base}`,
        '',
        `Measured with ${version} for ${platform} on ${architecture}. Without extensions the zip has ${size(zipBytes)}.`,
        '',
        ...table([
          ['extension', 'version', 'zip', 'start'],
          ...Object.entries(extensions).map(([name, cost]) => [
            name,
            cost.version,
            `+${size(cost.zipBytes)}`,
            `${cost.start.toFixed(2)} ×`,
          ]),
        ]),
        '',
      ].join('\n'),
  );
  return [HEAD, ...parts].join('\n');
}

/** A Markdown table as prettier formats it: text to the left, figures to the right. */
function table(rows: readonly (readonly string[])[]): readonly string[] {
  const isFigure = (column: number): boolean => column > 1;
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const [head = '', ...body] = rows.map((row) => {
    const cells = row.map((cell, column) =>
      isFigure(column) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
    );
    return `| ${cells.join(' | ')} |`;
  });
  const rule = widths.map((width, column) =>
    isFigure(column) ? `${'-'.repeat(width - 1)}:` : '-'.repeat(width),
  );
  return [head, `| ${rule.join(' | ')} |`, ...body];
}
