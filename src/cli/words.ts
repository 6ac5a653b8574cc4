/** Formats a duration: `12.3 s`, `4 min 05 s`. */
export function duration(seconds: number): string {
  if (seconds < 59.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, '0')} s`;
}

const UNITS = ['B', 'KB', 'MB', 'GB', 'TB'] as const;

/** Formats a size: `9.5 MB`. Units are powers of 1000, as for disks and in Lambda's console. */
export function size(bytes: number): string {
  let value = bytes;
  let unit = 0;
  // Without this limit, 999.95 would be printed as 1000.0 of the smaller unit.
  while (value >= (unit === 0 ? 1000 : 999.95) && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${UNITS[unit] ?? 'B'}`;
}

/** Parses a size (`500M`, `5G`, `100000`) into bytes. Units are powers of 1000. Undefined for anything else. */
export function parseSize(text: string): number | undefined {
  const [, digits, unit = ''] = /^(\d+(?:\.\d+)?)\s*([KMGT]?)B?$/i.exec(text.trim()) ?? [];
  if (digits === undefined) return undefined;
  const power = ['', 'K', 'M', 'G', 'T'].indexOf(unit.toUpperCase());
  return Math.floor(Number(digits) * 1000 ** power);
}

/** Parses a duration (`90s`, `45m`, `3h`, `1d`) into milliseconds. Undefined for anything else. */
export function parseDuration(text: string): number | undefined {
  const [, digits, unit] = /^(\d+)\s*([smhd])$/i.exec(text.trim()) ?? [];
  if (digits === undefined || unit === undefined) return undefined;
  const seconds = { s: 1, m: 60, h: 3600, d: 86_400 }[unit.toLowerCase()] ?? 0;
  return Number(digits) * seconds * 1000;
}

/** Parses an age (`12h`, `30d`, `4w`) into milliseconds. Undefined for anything else. */
export function parseAge(text: string): number | undefined {
  const [, digits, unit] = /^(\d+)\s*([hdw])$/i.exec(text.trim()) ?? [];
  if (digits === undefined || unit === undefined) return undefined;
  const hours = { h: 1, d: 24, w: 7 * 24 }[unit.toLowerCase()] ?? 0;
  return Number(digits) * hours * 60 * 60 * 1000;
}
