import { runRaft } from './src/index.ts';
const from = Number(process.argv[2] ?? 1),
  count = Number(process.argv[3] ?? 100),
  only = process.argv[4];
const t = performance.now();
let failed = 0,
  ack = 0,
  ev = 0;
const claims = new Map<string, number>();
for (let seed = from; seed < from + count; seed++) {
  const r = runRaft(seed);
  ack += r.acknowledgedCount;
  ev += r.eventCount;
  if (r.violation) {
    failed++;
    claims.set(r.violation.claim, (claims.get(r.violation.claim) ?? 0) + 1);
    if (!only || r.violation.claim.startsWith(only))
      console.log(
        seed,
        r.violation.claim,
        r.violation.what.slice(0, 300),
        r.violation.atMs,
        only ? JSON.stringify(r.options) : '',
      );
  }
}
console.log({ failed, claims, ms: performance.now() - t, ack, ev });
