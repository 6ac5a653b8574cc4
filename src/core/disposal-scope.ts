/** Owns what is opened on the way, and disposes of it, the last one first, when the scope is left. */
export interface DisposalScope extends AsyncDisposable {
  /** Takes ownership of something, and returns it. */
  own<T extends AsyncDisposable>(thing: T): T;
}

/** Opens a scope, for what is opened in a loop or below a condition, where `await using` alone would end too early. */
export function openScope(): DisposalScope {
  const owned: AsyncDisposable[] = [];
  return {
    own(thing) {
      owned.push(thing);
      return thing;
    },
    async [Symbol.asyncDispose]() {
      for (const thing of owned.splice(0).reverse()) await thing[Symbol.asyncDispose]();
    },
  };
}
