import { EngineError } from '../core/errors.js';

/** An image reference in the two parts that the Engine API wants it in. */
export interface ImageReference {
  /** `public.ecr.aws/lambda/provided` */
  readonly name: string;
  /** A tag, or a digest where the reference has one; `latest` where it has neither. */
  readonly tag: string;
}

/** Splits `name`, `name:tag`, `name@digest` or `name:tag@digest`, of which the digest counts. */
export function parseImageReference(reference: string): ImageReference {
  const match = /^([\w.-]+(?::\d+(?=\/))?(?:\/[\w.-]+)*)(?::([\w.-]+))?(?:@([\w.+-]+:[0-9a-f]+))?$/.exec(
    reference,
  );
  const [, name, tag, digest] = match ?? [];
  if (name === undefined) throw new EngineError(`${reference} is not the name of an image`);
  return { name, tag: digest ?? tag ?? 'latest' };
}

/** The reference as a piece of a request's path. */
export function imagePath(reference: string): string {
  return reference
    .split('/')
    .map((part) => encodeURIComponent(part).replaceAll('%3A', ':').replaceAll('%40', '@'))
    .join('/');
}
