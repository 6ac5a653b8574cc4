/** The maximum size of the log that Lambda returns to an invoker (`LogType: Tail`). */
const TAIL_BYTES = 4 * 1024;

/** Keeps the end of the log of one invocation. */
export interface InvocationLog {
  /** Appends a line. */
  add(line: string): void;
  /** Returns at most the last 4 KiB. */
  tail(): Buffer;
}

/** Creates a log whose memory is bounded: it keeps little more than the tail. */
export function createInvocationLog(): InvocationLog {
  let lines: Buffer[] = [];
  let length = 0;
  const compact = (): void => {
    const kept = Buffer.concat(lines).subarray(-TAIL_BYTES);
    lines = [kept];
    length = kept.length;
  };
  return {
    add: (line) => {
      const bytes = Buffer.from(`${line}\n`);
      lines.push(bytes);
      length += bytes.length;
      if (length > 16 * TAIL_BYTES) compact();
    },
    tail: () => {
      compact();
      return Buffer.concat(lines);
    },
  };
}
