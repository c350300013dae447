import { runRaft } from './src/index.ts';
import * as raft from '@odradek/controller/raft';
const lines: string[] = [];
const r = runRaft(Number(process.argv[2]), raft, (l) => lines.push(l));
console.log(lines.join('\n'));
console.log(JSON.stringify(r.violation), JSON.stringify(r.options));
