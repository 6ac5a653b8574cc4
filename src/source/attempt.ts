/** A place that was asked for a file and did not give it. */
export interface Attempt {
  /** A URL, `--sources DIR`, or `Debian's archive (trixie, lua5.4 5.4.7-1)`. */
  readonly place: string;
  readonly reason: string;
}

/** `https://…: the host name does not resolve` */
export function attemptLine(attempt: Attempt): string {
  return `${attempt.place}: ${attempt.reason}`;
}
