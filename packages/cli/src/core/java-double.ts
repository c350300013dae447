/** Numbers as Kafka's tools print them. */

const PLAIN = { from: 1e-3, below: 1e7 } as const;

/** A double as Java writes it, so that scripts which read Kafka's output read this: `1024.0`, `1.048576E7`. */
export function javaDouble(value: number): string {
  const magnitude = Math.abs(value);
  if (value === 0 || (magnitude >= PLAIN.from && magnitude < PLAIN.below)) {
    return Number.isInteger(value) ? `${value}.0` : String(value);
  }
  const [digits = '', exponent = ''] = value.toExponential().split('e');
  return `${digits.includes('.') ? digits : `${digits}.0`}E${Number(exponent)}`;
}
