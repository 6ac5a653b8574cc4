const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'] as const;

/** Formats a time as in the log of a web server: `12/Mar/2020:19:03:58 +0000`. */
export function clfTime(now: number): string {
  const date = new Date(now);
  const [day = '', time = ''] = date.toISOString().split(/[T.]/);
  const [year = '', , dayOfMonth = ''] = day.split('-');
  return `${dayOfMonth}/${MONTHS[date.getUTCMonth()] ?? ''}/${year}:${time} +0000`;
}
