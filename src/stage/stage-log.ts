import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { readOutputLines, type OutputLines } from '../sandbox/program-output.js';

/** A failed command, which a build script reports as `@layersmith failed STATUS FILE:LINE COMMAND`. */
export interface FailedCommand {
  readonly status: number;
  readonly place: string;
  readonly command: string;
}

const FAILED = /^@layersmith failed (\d+) (\S+) (.*)$/;
const KEPT_LINES = 12;

/** The output of one stage. The file has all of it; memory has the last lines and the failed command. */
export interface StageLog extends OutputLines, AsyncDisposable {
  /** The command that failed first: the innermost one, not its callers. */
  readonly failed: FailedCommand | undefined;
}

/** Opens the log file of a stage. `follow` rejects if its stream fails or the file cannot be written. */
export function openStageLog(path: string, onLine: (line: string) => void): StageLog {
  const file = createWriteStream(path);
  let failed: FailedCommand | undefined;
  let writeError: Error | undefined;
  file.on('error', (error) => {
    writeError = error;
  });
  const lines = readOutputLines({
    keep: KEPT_LINES,
    onLine,
    isHidden: (line) => {
      const [, status, place, command] = FAILED.exec(line) ?? [];
      if (status === undefined || place === undefined || command === undefined) return false;
      failed ??= { status: Number(status), place, command };
      return true;
    },
    onBytes: async (bytes) => {
      if (writeError !== undefined) throw writeError;
      if (!file.write(bytes)) await once(file, 'drain');
    },
  });
  return {
    ...lines,
    get failed() {
      return failed;
    },
    [Symbol.asyncDispose]: async () => {
      if (file.closed) return;
      file.end();
      if (writeError === undefined) await once(file, 'close').catch(() => undefined);
    },
  };
}
