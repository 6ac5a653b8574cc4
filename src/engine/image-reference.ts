import { EngineError } from '../core/errors.js';

/** An image reference in the two parts that the Engine API expects. */
export interface ImageReference {
  /** `public.ecr.aws/lambda/provided` */
  readonly name: string;
  /** The digest if the reference has one, else the tag, else `latest`. */
  readonly tag: string;
}

/** Splits `name`, `name:tag`, `name@digest` or `name:tag@digest`. Throws EngineError for any other text. */
export function parseImageReference(reference: string): ImageReference {
  const match = /^([\w.-]+(?::\d+(?=\/))?(?:\/[\w.-]+)*)(?::([\w.-]+))?(?:@([\w.+-]+:[0-9a-f]+))?$/.exec(
    reference,
  );
  const [, name, tag, digest] = match ?? [];
  if (name === undefined) throw new EngineError(`'${reference}' is not a valid image reference`);
  return { name, tag: digest ?? tag ?? 'latest' };
}

/** Encodes a reference as a part of a request path. */
export function imagePath(reference: string): string {
  return reference
    .split('/')
    .map((part) => encodeURIComponent(part).replaceAll('%3A', ':').replaceAll('%40', '@'))
    .join('/');
}
