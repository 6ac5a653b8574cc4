/** What of a machine must not be seen in an archive. */
export interface Elsewhere {
  readonly timeZone: string;
  readonly locale: string;
  readonly umask: number;
}

/** Two machines that have little in common. */
export const HERE: Elsewhere = { timeZone: 'UTC', locale: 'C', umask: 0o022 };
export const THERE: Elsewhere = { timeZone: 'Pacific/Auckland', locale: 'tr_TR.UTF-8', umask: 0o077 };

/** Runs something with this process's time zone, locale and umask changed, and puts them back. */
export async function elsewhere<T>(place: Elsewhere, action: () => Promise<T>): Promise<T> {
  const before = { TZ: process.env['TZ'], LC_ALL: process.env['LC_ALL'] };
  const umask = process.umask(place.umask);
  Object.assign(process.env, { TZ: place.timeZone, LC_ALL: place.locale });
  try {
    return await action();
  } finally {
    process.umask(umask);
    for (const [name, value] of Object.entries(before)) {
      if (value === undefined) Reflect.deleteProperty(process.env, name);
      else process.env[name] = value;
    }
  }
}
