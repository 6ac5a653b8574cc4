/** The exit code of each kind of failure. */
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
  outdated: 80,
  interrupted: 130,
  terminated: 143,
} as const;

/** A kind of failure, which scripts can rely on. */
export type ErrorCode = keyof typeof EXIT_CODES;

/** What a LayersmithError carries besides its message. */
export interface ErrorOptions {
  /** How to solve the problem: one or two sentences in the imperative. */
  readonly hint?: string | undefined;
  /** Relevant values, by name; printed one per line. */
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
  /** The stages that the error passed through, innermost first: `openssl/3.5`. */
  readonly stages: string[] = [];

  constructor(message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.hint = options.hint;
    this.details = options.details ?? {};
  }

  /** The exit code of the command that fails with this error. */
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
  /** 1-based. A problem with the whole file is at 1:1. */
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

/** Recipe or platform files are invalid. Carries every problem that was found, without duplicates. */
export class RecipeError extends LayersmithError {
  readonly code = 'recipe';
  readonly problems: readonly Problem[];

  /** `what` is the file or the kind of file that the problems are in. */
  constructor(
    problems: readonly Problem[],
    { what = 'the recipe', ...options }: ErrorOptions & { readonly what?: string } = {},
  ) {
    const byLine = new Map(problems.map((p) => [`${p.file}:${p.line}:${p.column}: ${p.message}`, p]));
    const lines = [...byLine.keys()];
    super(
      lines.length === 1 ? (lines[0] ?? '') : `${lines.length} problems in ${what}\n  ${lines.join('\n  ')}`,
      options,
    );
    this.problems = [...byLine.values()];
  }
}

/** No container engine answers, or the connection to it was lost. */
export class EngineUnavailableError extends LayersmithError {
  readonly code = 'engine';
}

/** The engine answered with an error, or with something that violates its API. */
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

/** A package failed to compile, or no toolchain is available to compile it. */
export class StageError extends LayersmithError {
  readonly code = 'stage';
}

/** A layer, or an archive that goes into it, violates a rule. */
export class LayerError extends LayersmithError {
  readonly code = 'layer';
}

/** A read or write on the local disk failed: the disk is full or read-only, or permission is denied. */
export class StorageError extends LayersmithError {
  readonly code = 'storage';
}

/** A source could not be downloaded: all of its locations failed. */
export class SourceError extends LayersmithError {
  readonly code = 'source';
}

/** A shared store does not answer, or refuses a request. Only what cannot do without it throws this to the user. */
export class SharedStoreError extends LayersmithError {
  readonly code = 'source';
  /** Whether it answers, but does not allow the request. */
  readonly isDenied: boolean;

  constructor(
    message: string,
    { isDenied = false, ...options }: ErrorOptions & { readonly isDenied?: boolean } = {},
  ) {
    super(message, options);
    this.isDenied = isDenied;
  }
}

/** The content of a file or image does not match its pinned digest. Never retried. */
export class IntegrityError extends LayersmithError {
  readonly code = 'integrity';
}

/** AWS rejected a request or does not answer. */
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
