/** Owns resources, and disposes of them in reverse order when the scope is left, also if disposing of one fails. */
export interface DisposalScope extends AsyncDisposable {
  /** Takes ownership of a resource and returns it. */
  own<T extends AsyncDisposable>(thing: T): T;
}

/** Opens a scope for resources that are opened in a loop or a branch, where `await using` would dispose of them too early. */
export function openScope(): DisposalScope {
  const owned: AsyncDisposable[] = [];
  return {
    own(thing) {
      owned.push(thing);
      return thing;
    },
    async [Symbol.asyncDispose]() {
      await disposeAll(owned.splice(0));
    },
  };
}

/** Disposes of everything in reverse order, also after one of them failed. Then throws the first error. */
async function disposeAll(things: readonly AsyncDisposable[]): Promise<void> {
  const errors: unknown[] = [];
  for (const thing of things.toReversed()) {
    try {
      await thing[Symbol.asyncDispose]();
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length > 0) throw errors[0];
}
