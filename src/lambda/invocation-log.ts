/** Lambda gives an invoker who asks for the log no more than this (`LogType: Tail`). */
const TAIL_BYTES = 4 * 1024;

/** Keeps the end of the log of one invocation. */
export interface InvocationLog {
  add(line: string): void;
  /** At most the last 4 KiB. */
  tail(): Buffer;
}

/** Holds little more than the tail, however much is logged. */
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
