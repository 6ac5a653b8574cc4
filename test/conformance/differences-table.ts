import { format } from 'prettier';
import type { KnownDifference } from './known-differences.js';

const BEGIN = '<!-- table of test/conformance/known-differences.ts -->';
const END = '<!-- end of table -->';

/** The page with the table of differences as it should be, between its two marks. */
export async function withTable(page: string, known: readonly KnownDifference[]): Promise<string> {
  const rows = known.map(({ what, rie, ours, why }) => `| ${what} | ${rie} | ${ours} | ${why} |`);
  const table = ['| what | RIE | layersmith | why |', '| --- | --- | --- | --- |', ...rows].join('\n');
  const [before = '', rest = ''] = page.split(BEGIN);
  const after = rest.slice(rest.indexOf(END));
  return format(`${before}${BEGIN}\n\n${table}\n\n${after}`, {
    parser: 'markdown',
    printWidth: 110,
    singleQuote: true,
  });
}
