/** Makes `$DESTDIR/opt/bin/lua` of the C program on stdin: all that a recipe of the tests needs of a toolchain. */
const COMPILE = 'mkdir -p "$DESTDIR/opt/bin"; gcc -O1 -x c -o "$DESTDIR/opt/bin/lua" -';

const LICENCE = 'echo free >LICENSE; licence LICENSE';

export interface TinyRecipe {
  /** What build.sh does first, or all that it does where it does not come to an end. */
  readonly script?: string;
  readonly needs?: readonly string[];
  /** YAML of the sources; without any build.sh runs in an empty folder. */
  readonly sources?: string;
  /** The body of the interpreter's `main`. */
  readonly main?: string;
  /** What its smoke test must find on stdout. */
  readonly stdout?: string;
}

/**
 * The files of an interpreter that compiles in no time: one C program, which its smoke test runs. The layer is
 * made like any other, but its bootstrap is not for calling.
 */
export function tinyInterpreter(name: string, recipe: TinyRecipe = {}): Record<string, string> {
  const { script = '', main = 'puts("tiny");', stdout = 'tiny' } = recipe;
  return {
    [`${name}/package.yaml`]: `kind: interpreter
summary: For tests
homepage: https://example.org
license: MIT
default: '1'
layer: { interpreter: lua, files: [bin/lua] }
smoke:
  programs:
    - { name: it runs, run: [/opt/bin/lua], stdout: ['${stdout}'] }
`,
    [`${name}/1.yaml`]: lineFile(recipe),
    [`${name}/build.sh`]: `${script}
${COMPILE} <<'END_OF_PROGRAM'
#include <stdio.h>
#include <unistd.h>
int main(void) { ${main} return 0; }
END_OF_PROGRAM
${LICENCE}
`,
  };
}

/** The files of a library that installs nothing but what its script does. */
export function tinyLibrary(
  name: string,
  recipe: Omit<TinyRecipe, 'main' | 'stdout'> = {},
): Record<string, string> {
  return {
    [`${name}/package.yaml`]: `kind: library
summary: For tests
homepage: https://example.org
license: MIT
default: '1'
`,
    [`${name}/1.yaml`]: lineFile(recipe),
    [`${name}/build.sh`]: `${recipe.script ?? ''}\n${LICENCE}\n`,
  };
}

function lineFile({ needs = [], sources = '{}' }: TinyRecipe): string {
  return `version: '1'\nneeds: [${needs.join(', ')}]\nsources: ${sources}\n`;
}
