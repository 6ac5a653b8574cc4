import { availableParallelism, loadavg } from 'node:os';

/** One line of a report: a measurement and, if there is an aim, whether it was met. */
export interface Row {
  readonly what: string;
  /** The figure with its unit. */
  readonly value: string;
  readonly aim?: string;
  readonly met?: boolean;
}

/** Formats the lines of a report in columns, below a title. */
export function formatReport(title: string, rows: readonly Row[]): string {
  const cells = rows.map(({ what, value, aim, met }) => [
    what,
    value,
    aim === undefined ? '' : `aim: ${aim}`,
    met === undefined ? '' : met ? 'met' : 'NOT MET',
  ]);
  return formatTable(title, cells, ['left', 'right', 'left', 'left']);
}

/** Formats cells in columns, each as wide as its widest cell, below a title. */
export function formatTable(
  title: string,
  cells: readonly (readonly string[])[],
  columns: readonly ('left' | 'right')[],
): string {
  const widths = columns.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  const lines = cells.map((row) =>
    columns
      .map((side, column) => {
        const [cell = '', width = 0] = [row[column], widths[column]];
        return side === 'left' ? cell.padEnd(width) : cell.padStart(width);
      })
      .join('  ')
      .trimEnd(),
  );
  return [title, ...lines.map((line) => `  ${line}`), ''].join('\n');
}

/** The median; of an even number of values, the upper of the two middle ones. */
export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
}

/** The load of the machine: figures of a busy machine mean less. */
export function howBusy(): string {
  return `load before ${(loadavg()[0] ?? NaN).toFixed(1)} on ${availableParallelism()} cores`;
}
