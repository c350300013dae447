/** `odradek dump-log`, as kafka-dump-log: what is in the files of a log directory, whoever wrote them. No cluster is asked. */
import { basename, dirname, join } from 'node:path';
import { Command } from 'commander';
import { batch, readBatch } from '@odradek/protocol';
import { coordinatorDecoder, metadataDecoder, textDecoder, type Decoder } from '../core/dump/decoders.ts';
import { indexFault, offsetIndexReport, timeIndexReport, txnIndexLines, type IndexFile } from '../core/dump/indexes.ts';
import { batchLine, recordLine, type RecordView } from '../core/dump/lines.ts';
import { kindOf } from '../core/dump/names.ts';
import { pairsOf, recordRow } from '../core/dump/rows.ts';
import { producerLines } from '../core/dump/snapshots.ts';
import { collectList, parseWhole } from '../core/options.ts';
import { CommandError, usageError } from '../core/refusal.ts';
import { tame, tameJson } from '../core/tame.ts';
import { isDirectory, withMetadataLog } from '../shell/metadata-log.ts';
import { readIndexFile, SegmentFile } from '../shell/segment-file.ts';
import { note, writeOut } from '../shell/terminal.ts';

type Options = {
  files: string[];
  deepIteration?: boolean;
  printDataLog?: boolean;
  offsetsDecoder?: boolean;
  transactionLogDecoder?: boolean;
  clusterMetadataDecoder?: boolean;
  shareGroupStateDecoder?: boolean;
  skipRecordMetadata?: boolean;
  indexSanityCheck?: boolean;
  verifyIndexOnly?: boolean;
  maxBytes: string;
  maxMessageSize?: string;
  json?: boolean;
};

const BYTES_MAX = 2_147_483_647;
/** Characters gathered before a write: fewer system calls than lines. */
const WRITE_CHARS = 256 * 1024;

export function dumpLogCommand(): Command {
  return new Command('dump-log')
    .description('what is in the files of a log directory: logs, indexes, snapshots')
    .requiredOption('--files <files>', 'files, as a.log,b.index; may be repeated', collectList, [])
    .option('--deep-iteration', 'every record, not only the batches')
    .option('--print-data-log', 'keys and values too, as texts')
    .option('--offsets-decoder', 'records of __consumer_offsets, as JSON')
    .option('--transaction-log-decoder', 'records of __transaction_state, as JSON')
    .option('--cluster-metadata-decoder', 'records of the metadata log and of its snapshots, as JSON')
    .option('--share-group-state-decoder', 'records of __share_group_state, as JSON')
    .option('--skip-record-metadata', 'keys and values alone, and nothing of control records')
    .option('--index-sanity-check', 'say only whether a start would take the index')
    .option('--verify-index-only', 'compare the index with the log, but do not print it')
    .option('--max-bytes <bytes>', 'no more than so many bytes of each log', String(BYTES_MAX))
    .option('--max-message-size <bytes>', 'without effect: a batch may have any size')
    .option('--json', 'a JSON value a line: batches, records, rows of indexes')
    .addHelpText('after', EXAMPLES)
    .action((options: Options) => dump(options));
}

const EXAMPLES = `
The flags and lines are those of kafka-dump-log. An index is compared with the log beside it. What does not fit is told on stderr,
and makes the command fail. A directory is the metadata log of a node of ours (…/__cluster_metadata-0), which must not run.

Examples:
  $ odradek dump-log --files data/orders-0/00000000000000000000.log --print-data-log
  $ odradek dump-log --files data/orders-0/00000000000000000000.log --json --deep-iteration | jq .sequence
  $ odradek dump-log --files data/__cluster_metadata-0 --cluster-metadata-decoder
  $ odradek dump-log --files data/__consumer_offsets-12/00000000000000000000.log --offsets-decoder
  $ odradek dump-log --files data/orders-0/00000000000000000000.index,data/orders-0/00000000000000000000.timeindex --verify-index-only`;

async function dump(options: Options): Promise<void> {
  const view = viewOf(options);
  const maxBytes = parseWhole('--max-bytes', options.maxBytes, 1, BYTES_MAX);
  const out = new Lines(options.json === true);
  const problems: string[] = [];
  try {
    const dumpOne = async (path: string, shown: string): Promise<void> => {
      await out.says(`Dumping ${tame(shown)}`);
      out.file = shown;
      problems.push(...(await dumpFile(path, options, { view, maxBytes, out })));
    };
    for (const path of options.files) {
      if (!isDirectory(path)) await dumpOne(path, path);
      else {
        await withMetadataLog(path, async (files) => {
          for (const file of files) await dumpOne(file, join(path, basename(file)));
        });
      }
    }
  } finally {
    await out.flush();
  }
  for (const problem of problems) note(problem);
  if (problems.length > 0) throw new CommandError(`not all is well with ${options.files.join(', ')}: see above`);
}

/** @returns undefined when only batches are shown */
function viewOf(options: Options): RecordView | undefined {
  const decoders: readonly (readonly [boolean | undefined, () => Decoder])[] = [
    [options.offsetsDecoder, () => coordinatorDecoder('group')],
    [options.transactionLogDecoder, () => coordinatorDecoder('transaction')],
    [options.shareGroupStateDecoder, () => coordinatorDecoder('share')],
    [options.clusterMetadataDecoder, () => metadataDecoder],
  ];
  const chosen = decoders.filter(([isAsked]) => isAsked === true);
  if (chosen.length > 1) throw usageError('a log is of one kind: give one decoder');
  const decoder = chosen[0]?.[1]() ?? (options.printDataLog === true ? textDecoder : undefined);
  if (decoder === undefined && options.deepIteration !== true) return undefined;
  return { decoder, skipMetadata: options.skipRecordMetadata === true };
}

type Dumping = { readonly view: RecordView | undefined; readonly maxBytes: number; readonly out: Lines };

async function dumpFile(path: string, options: Options, dumping: Dumping): Promise<readonly string[]> {
  const { out } = dumping;
  const kind = kindOf(basename(path));
  switch (kind.kind) {
    case 'log':
      await out.says(`Log starting offset: ${kind.offset}`);
      return dumpLog(path, dumping);
    case 'bootstrap':
      await out.says('KRaft bootstrap snapshot');
      return dumpLog(path, dumping);
    case 'checkpoint':
      await out.says(`Snapshot end offset: ${kind.endOffset}, epoch: ${kind.epoch}`);
      return dumpLog(path, dumping);
    case 'index':
    case 'timeindex':
      return dumpIndex({ path, baseOffset: kind.offset, bytes: readIndexFile(path) }, kind.kind, options, out);
    case 'txnindex':
      for (const line of txnIndexLines(readIndexFile(path))) await out.row(line);
      return [];
    case 'snapshot': {
      const lines = producerLines(readIndexFile(path));
      for (const line of lines.ok ? lines.value : []) await out.row(line);
      return lines.ok ? [] : [`${path}: ${lines.why}`];
    }
    case 'misnamed':
      return [`${path}: the name does not begin with the offset that the file begins with, as Kafka's names do`];
    case 'unknown':
      note(`Ignoring unknown file ${path}`);
      return [];
  }
}

async function dumpLog(path: string, { view, maxBytes, out }: Dumping): Promise<string[]> {
  using file = new SegmentFile(path);
  const problems: string[] = [];
  const endBytes = Math.min(file.sizeBytes, maxBytes);
  let position = 0;
  let lastOffset = -1;
  for (;;) {
    const bytes = file.batchAt(position, endBytes);
    if (bytes === undefined) break;
    if (batch.magic(bytes, 0) < batch.MAGIC_V2) {
      problems.push(
        `${path}: at byte ${position} is a message of format ${batch.magic(bytes, 0)}, of before Kafka 0.11`,
      );
    } else {
      await out.row(batchLine(bytes, position));
      const decoded = view === undefined ? undefined : readBatch(bytes);
      if (decoded?.ok === false) problems.push(`${path}: the batch at byte ${position} cannot be read: ${decoded.why}`);
      if (decoded?.ok === true && view !== undefined) {
        for (const record of decoded.value.records) {
          if (lastOffset !== -1 && record.offset !== lastOffset + 1) {
            // Compaction leaves such gaps: it is told, but nothing is wrong.
            note(`Non-consecutive offsets in ${path}: ${lastOffset} is followed by ${record.offset}`);
          }
          lastOffset = record.offset;
          await out.either(
            () => tame(recordLine(decoded.value, record, view)),
            () => recordRow(decoded.value, record, view),
          );
        }
      }
    }
    position += bytes.length;
  }
  const trailing = file.sizeBytes - position;
  if (trailing > 0 && maxBytes === BYTES_MAX) {
    const told = `Found ${trailing} invalid bytes at the end of ${basename(path)}`;
    await out.either(
      () => told,
      () => ({ invalidBytes: trailing }),
    );
  }
  return problems;
}

async function dumpIndex(
  file: IndexFile,
  kind: 'index' | 'timeindex',
  options: Options,
  out: Lines,
): Promise<readonly string[]> {
  if (options.indexSanityCheck === true) {
    const fault = indexFault(file, kind === 'index' ? 'offsets' : 'times');
    if (fault !== undefined) return [fault];
    await out.either(
      () => `${tame(file.path)} passed sanity check.`,
      () => ({ isSane: true }),
    );
    return [];
  }
  const beside = (suffix: string): string => join(dirname(file.path), basename(file.path).replace(/\.\w+$/, suffix));
  using log = new SegmentFile(beside('.log'));
  const batchAt = (position: number): Buffer | undefined => log.batchAt(position);
  const verifyOnly = options.verifyIndexOnly === true;
  const offsetsFile = (): IndexFile => ({ ...file, path: beside('.index'), bytes: readIndexFile(beside('.index')) });
  const { lines, problems } =
    kind === 'index'
      ? offsetIndexReport(file, batchAt, verifyOnly)
      : timeIndexReport(file, { offsets: offsetsFile(), batchAt, verifyOnly });
  for (const line of lines) await out.row(tame(line));
  return problems;
}

/** Lines on their way to stdout, which is waited for when it is slow: Kafka's, or each as JSON. */
class Lines {
  /** The one that is dumped. */
  file = '';
  private readonly isJson: boolean;
  private text = '';

  constructor(isJson: boolean) {
    this.isJson = isJson;
  }

  /** Words for people alone. */
  async says(line: string): Promise<void> {
    if (!this.isJson) await this.add(line);
  }

  /** A line of `name: value` pairs. */
  row(line: string): Promise<void> {
    return this.either(
      () => line,
      () => pairsOf(line),
    );
  }

  either(line: () => string, row: () => object): Promise<void> {
    return this.add(this.isJson ? tameJson(JSON.stringify({ file: this.file, ...row() })) : line());
  }

  async flush(): Promise<void> {
    const { text } = this;
    this.text = '';
    if (text !== '') await writeOut(Buffer.from(text));
  }

  private async add(line: string): Promise<void> {
    this.text += `${line}\n`;
    if (this.text.length >= WRITE_CHARS) await this.flush();
  }
}
