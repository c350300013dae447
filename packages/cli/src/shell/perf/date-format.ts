/** Local times as `--date-format` wants them. */

/** Parts of a local time, as SimpleDateFormat letters name them. */
const letters: Readonly<Record<string, (time: Date) => number>> = {
  y: (time) => time.getFullYear(),
  M: (time) => time.getMonth() + 1,
  d: (time) => time.getDate(),
  H: (time) => time.getHours(),
  m: (time) => time.getMinutes(),
  s: (time) => time.getSeconds(),
  S: (time) => time.getMilliseconds(),
};

export const DATE_FORMAT = 'yyyy-MM-dd HH:mm:ss:SSS';

/** A time by a format of `y M d H m s S`, each as often as it has digits; other letters are refused. */
export function dateFormatter(format: string): ((atMs: number) => string) | undefined {
  if (/[A-Za-z]/.test(format.replace(/[yMdHmsS]|'[^']*'/g, ''))) return undefined;
  return (atMs) => {
    const time = new Date(atMs);
    return format.replace(/'([^']*)'|([yMdHmsS])\2*/g, (run, quoted: string | undefined, letter: string | undefined) =>
      letter === undefined ? (quoted ?? '') : String(letters[letter]?.(time) ?? 0).padStart(run.length, '0'),
    );
  };
}
