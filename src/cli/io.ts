/** What the process gives to the command line: nothing below `cli/` looks at `process` itself. */
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
  /** stdout, for a result of any bytes: fulfilled when more may come. */
  readonly outBytes: (bytes: Uint8Array) => Promise<void>;
  readonly outIsTerminal: boolean;
  /** stdin from its start to its end; it is not touched before. */
  readonly stdin: () => AsyncIterable<Uint8Array>;
  /** stderr: for everything else. */
  readonly err: (text: string) => void;
  /** stderr when it is a terminal that a live view can be drawn on. */
  readonly terminal: NodeJS.WriteStream | undefined;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** The folder of layersmith itself, which holds `recipes/`, `platforms/`, `runtimes/` and `scripts/`. */
  readonly packageRoot: string;
  /** Aborted with an InterruptedError when the user asks to stop. */
  readonly signal: AbortSignal;
}
