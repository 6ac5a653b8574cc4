import { expect, test } from 'vitest';
import { lineSchema } from '../../../src/recipe/recipe-schema.js';

const lineWith = (url: string): unknown => ({
  version: '1.3',
  sources: { zlib: [{ file: 'zlib.tar.gz', sha256: 'ab'.repeat(32), urls: [url] }] },
});

test.each(['https://user:word@example.com/zlib.tar.gz', 'https://token@example.com/zlib.tar.gz'])(
  'a recipe with credentials in a URL is refused: %s',
  (url) => {
    const [issue] = lineSchema.safeParse(lineWith(url)).error?.issues ?? [];
    expect(issue?.path).toEqual(['sources', 'zlib', 0, 'urls', 0]);
    expect(issue?.message).toContain('password');
  },
);

test('a URL without credentials is accepted', () => {
  expect(lineSchema.safeParse(lineWith('https://example.com/zlib.tar.gz')).success).toBe(true);
});
