/** Owns resources, and disposes of them in reverse order when the scope is left. */
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
      for (const thing of owned.splice(0).reverse()) await thing[Symbol.asyncDispose]();
    },
  };
}
