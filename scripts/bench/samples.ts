/** Figures of two subjects, taken in turn, and the table that sets them side by side with what is aimed at. */
import { median } from './load.ts';
import { markdownTable } from './report.ts';

/** @param ratio ours over Kafka's */
export type Goal = { readonly text: string; readonly met: (ours: number, ratio: number) => boolean };
export type Goals = Readonly<Record<string, Goal>>;

export class Samples {
  readonly #byWhat = new Map<string, Map<string, number[]>>();

  add(what: string, who: string, value: number): void {
    const byName = this.#byWhat.get(what) ?? new Map<string, number[]>();
    this.#byWhat.set(what, byName);
    byName.set(who, [...(byName.get(who) ?? []), value]);
    process.stdout.write(`${what.padEnd(44)} ${who.padEnd(12)} ${value.toFixed(2)}\n`);
  }

  /** @param compared whether Kafka was measured as well */
  table(goals: Goals, compared: boolean): string {
    const rows = [...this.#byWhat].map(([what, byName]) => {
      // Memory is a promise for every moment, so that its largest value counts; of the rest the median does.
      const summary = what.startsWith('memory') ? (values: readonly number[]): number => Math.max(...values) : median;
      const of = (who: string): number => summary(byName.get(who) ?? []);
      const spread = (who: string): string => shown(byName.get(who) ?? []);
      const ratio = ratioOf(byName);
      const goal = goals[what];
      const relative = goal?.text.endsWith('x') === true;
      const verdict =
        goal === undefined || (relative && !compared) ? '' : goal.met(of('odradek'), ratio) ? 'met' : '**missed**';
      return [
        what,
        spread('odradek'),
        compared ? spread('kafka') : '',
        compared ? `${ratio.toFixed(2)}x` : '',
        goal?.text ?? '',
        verdict,
      ];
    });
    return markdownTable(['', 'Odradek', 'Apache Kafka', 'ratio', 'goal', ''], rows);
  }
}

/** Whoever goes first alternates, so that a drift of the machine meets both. */
export function inTurn<T>(subjects: readonly T[], run: number): readonly T[] {
  return run % 2 === 0 ? subjects : subjects.toReversed();
}

/** The median of the pairwise ratios where both ran in turn: both of a pair met the same machine. */
function ratioOf(byName: ReadonlyMap<string, readonly number[]>): number {
  const [ours = [], theirs = []] = [byName.get('odradek'), byName.get('kafka')];
  if (ours.length !== theirs.length) return median(ours) / median(theirs);
  return median(ours.map((value, index) => value / (theirs[index] ?? Number.NaN)));
}

function shown(values: readonly number[]): string {
  if (values.length === 0) return 'not measured';
  const text = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toFixed(2));
  const [least, most] = [Math.min(...values), Math.max(...values)];
  return values.length === 1 ? text(median(values)) : `${text(median(values))} (${text(least)}-${text(most)})`;
}
