/** What a failure means to the person or script that ran the command; each kind has one exit code. */
export const EXIT_CODES = {
  usage: 64,
  recipe: 65,
  engine: 69,
  internal: 70,
  stage: 72,
  layer: 73,
  storage: 74,
  source: 75,
  integrity: 76,
  publish: 77,
  smoke: 78,
  advisory: 79,
  interrupted: 130,
  terminated: 143,
} as const;

export type ErrorCode = keyof typeof EXIT_CODES;

export interface ErrorOptions {
  /** What to do about it: one or two sentences in the imperative. */
  readonly hint?: string | undefined;
  /** The values that matter, by name; shown one a line. */
  readonly details?: Readonly<Record<string, string | readonly string[]>> | undefined;
  readonly cause?: unknown;
}

/**
 * The base of every error that layersmith throws on purpose. `message` says what happened, with the value
 * that was wrong; `hint` says what to do. The CLI prints it once, at the top, and exits with `exitCode`.
 */
export abstract class LayersmithError extends Error {
  abstract readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly details: Readonly<Record<string, string | readonly string[]>>;
  /** The stages the error passed through, innermost first: `openssl/3.5`. */
  readonly stages: string[] = [];

  constructor(message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.hint = options.hint;
    this.details = options.details ?? {};
  }

  get exitCode(): number {
    return EXIT_CODES[this.code];
  }
}

/** The command line asks for something that does not exist or does not fit together. */
export class UsageError extends LayersmithError {
  readonly code = 'usage';
}

/** One thing wrong with a recipe or platform file. */
export interface Problem {
  readonly file: string;
  /** 1-based; a problem of the file as a whole stands at 1:1. */
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

/** Recipe or platform files are wrong; carries every problem found, not just the first, each once. */
export class RecipeError extends LayersmithError {
  readonly code = 'recipe';
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[], options: ErrorOptions = {}) {
    const byLine = new Map(problems.map((p) => [`${p.file}:${p.line}:${p.column}: ${p.message}`, p]));
    const lines = [...byLine.keys()];
    super(
      lines.length === 1
        ? (lines[0] ?? '')
        : `${lines.length} problems in the recipe\n  ${lines.join('\n  ')}`,
      options,
    );
    this.problems = [...byLine.values()];
  }
}

/** No container engine answers, or the one that did is gone. */
export class EngineUnavailableError extends LayersmithError {
  readonly code = 'engine';
}

/** The engine answered with an error, or with something that its API does not allow. */
export class EngineError extends LayersmithError {
  readonly code = 'engine';
  /** The HTTP status of the engine's answer, when there was one. */
  readonly statusCode: number | undefined;

  constructor(message: string, options: ErrorOptions & { readonly statusCode?: number | undefined } = {}) {
    super(message, options);
    this.statusCode = options.statusCode;
  }
}

/** A defect of layersmith itself: the only kind that is printed with its stack. */
export class InternalError extends LayersmithError {
  readonly code = 'internal';
}

/** A package did not compile, or no toolchain to compile it with could be had. */
export class StageError extends LayersmithError {
  readonly code = 'stage';
}

/** The layer that came out, or an archive on the way to it, breaks a rule. */
export class LayerError extends LayersmithError {
  readonly code = 'layer';
}

/** The local disk refused a read or a write: it is full, read-only or not ours. */
export class StorageError extends LayersmithError {
  readonly code = 'storage';
}

/** A source could not be downloaded from any of its locations. */
export class SourceError extends LayersmithError {
  readonly code = 'source';
}

/** Bytes are not those that the recipe pins. Never retried. */
export class IntegrityError extends LayersmithError {
  readonly code = 'integrity';
}

/** AWS refused what was asked of it, or does not answer. */
export class PublishError extends LayersmithError {
  readonly code = 'publish';
}

/** A smoke test failed. */
export class SmokeError extends LayersmithError {
  readonly code = 'smoke';
}

/** The user asked to stop, with Ctrl-C (SIGINT) or SIGTERM. */
export class InterruptedError extends LayersmithError {
  readonly code: 'interrupted' | 'terminated';

  constructor(signal: 'SIGINT' | 'SIGTERM') {
    super(`stopped by ${signal}`);
    this.code = signal === 'SIGINT' ? 'interrupted' : 'terminated';
  }
}
