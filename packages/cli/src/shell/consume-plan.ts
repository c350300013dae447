/** What `odradek consume` was asked for, once its flags are understood. */
import type { RecordFormatter } from '../core/record-format.ts';
import type { StartOffset } from '../start-offset.ts';

export type ConsumePlan = {
  readonly bootstrap: string;
  readonly topic: string;
  readonly partition: number | undefined;
  readonly start: StartOffset;
  readonly group: string | undefined;
  readonly maxMessages: number;
  /** Give up after so long without a record; Infinity waits for ever. */
  readonly timeoutMs: number;
  readonly exitAtEnd: boolean;
  readonly committedOnly: boolean;
  readonly format: RecordFormatter;
  readonly fetchMaxBytes: number;
  readonly quiet: boolean;
};
