import type { FunctionError } from './function-error.js';

/** An answer for a request that the function did not answer. */
export interface ErrorPage {
  readonly contentType: string;
  readonly body: string;
}

/** Describes an error to a developer: as a page if the client accepts HTML, as a browser does, else as JSON. */
export function errorPage(error: FunctionError, accept: string | undefined): ErrorPage {
  if (accept?.includes('text/html') !== true)
    return { contentType: 'application/json', body: `${JSON.stringify(error)}\n` };
  const { errorType, errorMessage, stackTrace } = error;
  const trace = stackTrace.length === 0 ? '' : `<pre>${escaped(stackTrace.join('\n'))}</pre>\n`;
  return {
    contentType: 'text/html; charset=utf-8',
    body: `<!doctype html>
<meta charset="utf-8">
<title>${escaped(errorType)}</title>
<h1>${escaped(errorType)}</h1>
<p style="white-space: pre-wrap">${escaped(errorMessage)}</p>
${trace}<p>This page is from layersmith. On Lambda, the client receives an error without details.</p>
`,
  };
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

function escaped(text: string): string {
  return text.replaceAll(/[&<>"]/g, (character) => ENTITIES[character] ?? character);
}
