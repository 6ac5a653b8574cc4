/** What the process provides to the command line. Nothing below `cli/` accesses `process` itself. */
export interface Io {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly homeDir: string;
  readonly cwd: string;
  /** The system's folder for temporary files. */
  readonly tmpDir: string;
  readonly isRoot: boolean;
  /** `linux`, `darwin`, `win32`. */
  readonly os: string;
  /** stdout: for results only. */
  readonly out: (text: string) => void;
  /** stdout, for results of any bytes. Resolves when more can be written. */
  readonly outBytes: (bytes: Uint8Array) => Promise<void>;
  readonly outIsTerminal: boolean;
  /** stdin from start to end. It is not read before the first call. */
  readonly stdin: () => AsyncIterable<Uint8Array>;
  /** stderr: for everything else. */
  readonly err: (text: string) => void;
  /** stderr when it is a terminal that a live view can be drawn on. */
  readonly terminal: NodeJS.WriteStream | undefined;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** The installation folder of layersmith, which holds `recipes/`, `platforms/`, `runtimes/` and `scripts/`. */
  readonly packageRoot: string;
  /** Aborted with an InterruptedError when the user asks to stop. */
  readonly signal: AbortSignal;
}
