/** Bytes that a codec cannot take; compression.ts turns it into a refusal. */
export class CodecFault extends Error {
  readonly kind: 'garbage' | 'tooLarge';
  constructor(why: string, kind: 'garbage' | 'tooLarge' = 'garbage') {
    super(why);
    this.name = 'CodecFault';
    this.kind = kind;
  }
}
