import { isMap, LineCounter, parseDocument, visit, type Document, type Node } from 'yaml';
import { z } from 'zod';
import type { Problem } from './errors.js';
import { didYouMean } from './nearest-names.js';

/** A YAML file checked against a schema: its value, or all of its problems. */
export type ParsedYaml<T> =
  | { readonly ok: true; readonly value: T; readonly locate: (path: readonly PropertyKey[]) => Place }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** A 1-based line and column in the file. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

/**
 * Parses YAML text (1.2, no duplicate keys) and checks it against a schema. Collects every problem with its line and
 * column, and suggests the nearest known key for an unknown one.
 */
export function parseYaml<T>(
  text: string,
  options: { readonly file: string; readonly schema: z.ZodType<T> },
): ParsedYaml<T> {
  const { file, schema } = options;
  const counter = new LineCounter();
  const document = parseDocument(text, { lineCounter: counter, prettyErrors: false });
  const place = (offset: number): Place => {
    const { line, col } = counter.linePos(offset);
    return { line, column: col };
  };
  if (document.errors.length > 0) {
    return {
      ok: false,
      problems: document.errors.map((error) => ({ file, ...place(error.pos[0]), message: error.message })),
    };
  }
  const locate = (path: readonly PropertyKey[]): Place => place(offsetOf(document, path));
  const plain = plainValue(document);
  if (!plain.ok) return { ok: false, problems: [{ file, ...place(plain.offset), message: plain.message }] };
  const result = schema.safeParse(plain.value);
  if (result.success) return { ok: true, value: result.data, locate };
  const problems = result.error.issues.flatMap((issue) =>
    problemsOf(issue, { document, schema, file, place }),
  );
  problems.sort((a, b) => a.line - b.line || a.column - b.column);
  return { ok: false, problems };
}

type PlainValue =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly offset: number; readonly message: string };

/** Converts the document to plain data. Fails for undefined aliases and for aliases that expand without end. */
function plainValue(document: Document): PlainValue {
  try {
    return { ok: true, value: document.toJS() };
  } catch (error) {
    if (!(error instanceof ReferenceError)) throw error;
    let offset = 0;
    visit(document, {
      Alias: (_key, alias) => {
        if (alias.resolve(document) !== undefined) return undefined;
        offset = alias.range?.[0] ?? 0;
        return visit.BREAK;
      },
    });
    return { ok: false, offset, message: error.message };
  }
}

interface Context {
  readonly document: Document;
  readonly schema: z.ZodType;
  readonly file: string;
  readonly place: (offset: number) => Place;
}

function problemsOf(issue: z.core.$ZodIssue, context: Context): Problem[] {
  const { document, file, place } = context;
  const where = issue.path.length === 0 ? 'the file' : `\`${issue.path.map(String).join('.')}\``;
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      file,
      ...place(keyOffset(document, issue.path, key) ?? offsetOf(document, issue.path)),
      message: `unknown key \`${key}\` in ${where}.${didYouMean(key, knownKeys(context.schema, issue.path))}`,
    }));
  }
  if (issue.code === 'invalid_key') {
    const offset = keyOffset(document, issue.path.slice(0, -1), String(issue.path.at(-1)));
    const message = issue.issues.map((rule) => rule.message).join('; ');
    return [{ file, ...place(offset ?? offsetOf(document, issue.path)), message: `${where}: ${message}` }];
  }
  const missing = issue.code === 'invalid_type' && valueAt(document, issue.path) === undefined;
  const message = missing ? `${where} is missing: ${issue.expected} expected` : `${where}: ${issue.message}`;
  return [{ file, ...place(offsetOf(document, issue.path)), message }];
}

function valueAt(document: Document, path: readonly PropertyKey[]): unknown {
  return document.getIn(path, true);
}

/** Returns the offset of the node at the path, or of its nearest existing parent. */
function offsetOf(document: Document, path: readonly PropertyKey[]): number {
  for (let depth = path.length; depth > 0; depth--) {
    const node = valueAt(document, path.slice(0, depth));
    if (hasRange(node)) return node.range[0];
  }
  return hasRange(document.contents) ? document.contents.range[0] : 0;
}

function keyOffset(document: Document, path: readonly PropertyKey[], key: string): number | undefined {
  const map = path.length === 0 ? document.contents : valueAt(document, path);
  if (!isMap(map)) return undefined;
  const pair = map.items.find((item) => String(item.key) === key);
  return hasRange(pair?.key) ? pair.key.range[0] : undefined;
}

function hasRange(node: unknown): node is { range: NonNullable<Node['range']> } {
  return typeof node === 'object' && node !== null && 'range' in node && Array.isArray(node.range);
}

/** Returns the keys that the schema allows at the path, without deprecated ones. Follows objects, arrays and records only. */
function knownKeys(schema: unknown, path: readonly PropertyKey[]): string[] {
  let current = schema;
  for (const key of path) {
    current = unwrap(current);
    if (current instanceof z.ZodObject) current = current.shape[String(key)];
    else if (current instanceof z.ZodArray) current = current.element;
    else if (current instanceof z.ZodRecord) current = current.valueType;
    else return [];
  }
  current = unwrap(current);
  if (!(current instanceof z.ZodObject)) return [];
  const fields: readonly [string, unknown][] = Object.entries(current.shape);
  return fields.flatMap(([key, field]) =>
    field instanceof z.ZodType && field.meta()?.deprecated === true ? [] : [key],
  );
}

function unwrap(schema: unknown): unknown {
  let current = schema;
  while (current instanceof z.ZodOptional || current instanceof z.ZodDefault) current = current.unwrap();
  return current;
}
