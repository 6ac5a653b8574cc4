const NOBODY = 65534;

/** Runs something as a user who owns nothing, so that permissions count. Wants root. */
export async function asNobody<T>(run: () => Promise<T>): Promise<T> {
  if (process.seteuid === undefined || process.getuid?.() !== 0)
    throw new Error('this test changes its user: run it as root');
  process.seteuid(NOBODY);
  try {
    return await run();
  } finally {
    process.seteuid(0);
  }
}
