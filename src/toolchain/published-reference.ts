/** An image in a registry: `ghcr.io/acme/layersmith@sha256:…`, by the digest of its manifest. */
export type PublishedReference = string & { readonly brand: 'PublishedReference' };

/** Reports whether a text is a repository and the sha256 of a manifest. */
export function isPublishedReference(text: string): text is PublishedReference {
  return /^[\w.-]+(?::\d+)?(?:\/[\w.-]+)+@sha256:[0-9a-f]{64}$/.test(text);
}

/** Returns the digest of the manifest: `sha256:…`. */
export function manifestDigest(reference: PublishedReference): string {
  return reference.slice(reference.indexOf('@') + 1);
}

/** Returns the repository: `ghcr.io/acme/layersmith`. */
export function repositoryOf(reference: PublishedReference): string {
  return reference.slice(0, reference.indexOf('@'));
}
