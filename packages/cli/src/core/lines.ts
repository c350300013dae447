/** Cuts a byte stream into lines. A line is every byte up to, not with, the separator `\n`; a carriage return is kept: it is data. */

const NEWLINE = 0x0a;

/** The longest line that is held in memory: no broker takes a larger record by default, and few by configuration. */
export const LINE_BYTES_MAX = 256 * 1024 * 1024;

export class LineTooLong extends Error {
  constructor(sizeBytes: number) {
    super(`a line of more than ${LINE_BYTES_MAX} bytes (${sizeBytes} so far): is this a text file?`);
    this.name = 'LineTooLong';
  }
}

export class LineSplitter {
  private readonly held: Buffer[] = [];
  private heldBytes = 0;

  /** @returns the lines that `chunk` completes, as slices of it where they lie whole in it */
  push(chunk: Buffer): Buffer[] {
    const lines: Buffer[] = [];
    let from = 0;
    for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, from)) {
      const tail = chunk.subarray(from, at);
      lines.push(this.heldBytes === 0 ? tail : this.take(tail));
      from = at + 1;
    }
    if (from < chunk.length) this.hold(chunk.subarray(from));
    return lines;
  }

  /** The last line when the stream does not end in a separator. */
  end(): Buffer | undefined {
    return this.heldBytes === 0 ? undefined : this.take(Buffer.alloc(0));
  }

  private hold(tail: Buffer): void {
    this.held.push(tail);
    this.heldBytes += tail.length;
    if (this.heldBytes > LINE_BYTES_MAX) throw new LineTooLong(this.heldBytes);
  }

  private take(tail: Buffer): Buffer {
    this.held.push(tail);
    const line = Buffer.concat(this.held);
    this.held.length = 0;
    this.heldBytes = 0;
    return line;
  }
}
