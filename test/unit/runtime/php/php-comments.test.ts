import { describe, expect, test } from 'vitest';
import { InternalError } from '../../../../src/core/errors.js';
import { withoutPhpComments } from '../../../../src/runtime/php/php-comments.js';

describe('comments are removed', () => {
  test.each([
    ['with their lines', 'a();\n// one\n    # two\n/* three\n   lines */\nb();\n', 'a();\nb();\n'],
    ['at the end of a line, with the space before', 'a(); // one\nb();\t# two\n', 'a();\nb();\n'],
    ['between tokens', 'return/* one */1; f(1, /* two */ 2);\n', 'return 1; f(1, 2);\n'],
    ['before code on their line', '    /** @internal */ public $a;\n', '    public $a;\n'],
    ['with one of the empty lines around', 'a();\n\n// one\n\nb();\n', 'a();\n\nb();\n'],
    ['at the end of the file', 'a();\n// the end', 'a();\n'],
    ['after a string in which a variable stands', '"{$a["}"]} // no"; // yes\n', '"{$a["}"]} // no";\n'],
    ['in the code of a string', '"{$a[/* yes */ 1]}";\n', '"{$a[ 1]}";\n'],
    ['after a heredoc', 'f(<<<EOT\n// no\n  EOT); // yes\n', 'f(<<<EOT\n// no\n  EOT);\n'],
    ['that hold quotes', "// don't\na(); /* \" ' ` <<<X */\n", 'a();\n'],
  ])('%s', (_, source, expected) => {
    expect(withoutPhpComments(`<?php\n${source}`)).toBe(`<?php\n${expected}`);
  });
});

describe('what looks like a comment stays', () => {
  test.each([
    ['in single quotes', String.raw`$a = '// \' # /* */';`],
    ['in double quotes', String.raw`$a = "// \" # /* {$b['//']} ${'$'}b */";`],
    ['in backticks', '$a = `ls /* # `;'],
    ['in a heredoc', '$a = <<<EOT\n// no\nEOTHER # no\n/* no */\nEOT;'],
    ['in a nowdoc', "$a = <<<'EOT'\n// no \" '\n    EOT;"],
    ['in a quoted heredoc', '$a = <<< "EOT"\n# no\nEOT;'],
    ['as an attribute', '#[Pure]\nfunction f() {}'],
    ['after an escaped backslash', String.raw`$a = '\\' . "\\" . '//';`],
    ['as empty lines in a string', "$a = '\n\n\n// no\n\n\n';"],
  ])('%s', (_, source) => {
    expect(withoutPhpComments(`<?php\n${source}\n`)).toBe(`<?php\n${source}\n`);
  });
});

test.each(['$a = "no end', '$a = <<<EOT\nno end', 'a(); ?>\n'])('%j is refused', (source) => {
  expect(() => withoutPhpComments(`<?php\n${source}`)).toThrow(InternalError);
});
