import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isUuid } from '@odradek/base';
import type { Outcome, Ports } from '@odradek/base';
import { systemPorts } from '@odradek/base/system';
import { afterAll, expect, test } from 'vitest';
import { prepareDirectories } from './format.ts';
import type { Directories } from './format.ts';
import type { UnsaidCluster } from './quorum.ts';

const root = mkdtempSync(join(tmpdir(), 'odradek-format-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const ports: Ports = systemPorts();
const CLUSTER = '4L6g3nShT-eMCtK--X86sw';
const OTHER_CLUSTER = 'MkU3OEVBNTcwNTJENDM2Qg';

let named = 0;
const fresh = (): string => join(root, `d${(named += 1)}`);

type Given = { nodeId?: number; clusterId?: string; unsaid?: UnsaidCluster; metadataDirectory?: string };

function prepare(directories: readonly string[], given: Given = {}): Outcome<Directories> {
  return prepareDirectories(ports, {
    directories,
    nodeId: given.nodeId ?? 1,
    clusterId: given.clusterId,
    unsaid: given.unsaid ?? { kind: 'new' },
    metadataDirectory: given.metadataDirectory,
  });
}

function formatted(directories: readonly string[], given: Given = {}): Directories {
  const outcome = prepare(directories, given);
  if (!outcome.ok) throw new Error(outcome.why);
  return outcome.value;
}

function refusal(outcome: Outcome<unknown>): string {
  if (outcome.ok) throw new Error('it was not refused');
  return outcome.why;
}

test('format: a missing directory is made and formatted as Kafka formats it, each with an id of its own', () => {
  const directories = [fresh(), join(fresh(), 'below')];
  const { clusterId, formatted: done } = formatted(directories, { nodeId: 3 });
  expect(done).toEqual(directories);
  expect(isUuid(clusterId)).toBe(true);
  const texts = directories.map((directory) => readFileSync(join(directory, 'meta.properties'), 'utf8'));
  for (const text of texts) {
    expect(text).toMatch(/^version=1$/m);
    expect(text).toMatch(/^node\.id=3$/m);
    expect(text).toContain(`cluster.id=${clusterId}\n`);
  }
  const ids = texts.map((text) => /^directory\.id=(.*)$/m.exec(text)?.[1] ?? '');
  expect(ids.every(isUuid)).toBe(true);
  expect(new Set(ids).size).toBe(2);
});

test('format: a second start finds the same cluster and changes nothing', () => {
  const directory = fresh();
  const { clusterId, directoryId } = formatted([directory]);
  const before = readFileSync(join(directory, 'meta.properties'), 'utf8');
  expect(before).toContain(`directory.id=${directoryId}\n`);
  expect(formatted([directory])).toEqual({ clusterId, directoryId, formatted: [], unusable: [] });
  expect(readFileSync(join(directory, 'meta.properties'), 'utf8')).toBe(before);
});

test('format: the cluster id that is given is taken; a directory that is added joins the cluster of the others', () => {
  const directory = fresh();
  expect(formatted([directory], { clusterId: CLUSTER }).clusterId).toBe(CLUSTER);
  const added = fresh();
  expect(formatted([added, directory])).toMatchObject({ clusterId: CLUSTER, formatted: [added], unusable: [] });
});

test('format: when nobody says the cluster it is the one that the voters stand for, and who is to join is refused', () => {
  const derived: Given = { unsaid: { kind: 'derived', clusterId: OTHER_CLUSTER } };
  const directory = fresh();
  expect(formatted([directory], derived).clusterId).toBe(OTHER_CLUSTER);
  expect(formatted([fresh()], { ...derived, clusterId: CLUSTER }).clusterId).toBe(CLUSTER);
  const unknown: Given = { unsaid: { kind: 'unknown', why: 'nobody knows' } };
  const empty = fresh();
  expect(refusal(prepare([empty], unknown))).toBe('nobody knows');
  expect(existsSync(join(empty, 'meta.properties'))).toBe(false);
  expect(formatted([empty, directory], unknown).clusterId).toBe(OTHER_CLUSTER);
});

test('format: the replica is named by the directory of the metadata log, which must work', () => {
  const [data, metadata] = [fresh(), fresh()];
  const { directoryId } = formatted([data, metadata], { metadataDirectory: metadata });
  expect(readFileSync(join(metadata, 'meta.properties'), 'utf8')).toContain(`directory.id=${directoryId}\n`);
  const file = fresh();
  writeFileSync(file, '');
  expect(refusal(prepare([data, file], { metadataDirectory: file }))).toContain(
    'it is the directory of the metadata log',
  );
});

test('format: a directory of an older Kafka gets the id that it lacks, and keeps the rest', () => {
  const directory = fresh();
  mkdirSync(directory);
  writeFileSync(join(directory, 'meta.properties'), `version=1\nnode.id=1\ncluster.id=${CLUSTER}\n`);
  const first = formatted([directory]);
  expect(first).toMatchObject({ clusterId: CLUSTER, formatted: [] });
  expect(isUuid(first.directoryId)).toBe(true);
  expect(formatted([directory]).directoryId).toBe(first.directoryId);
});

test('format: a metadata log that lies in another directory is not begun anew beside it', () => {
  const [before, now] = [fresh(), fresh()];
  formatted([before], { metadataDirectory: before });
  mkdirSync(join(before, '__cluster_metadata-0'));
  expect(refusal(prepare([now, before], { metadataDirectory: now }))).toContain(`set metadata.log.dir = ${before}`);
  expect(existsSync(join(now, 'meta.properties'))).toBe(false);
  expect(formatted([now, before], { metadataDirectory: before }).formatted).toEqual([now]);
});

test('format: what a cut-short format and the file system leave behind counts as empty', () => {
  const directory = fresh();
  mkdirSync(join(directory, 'lost+found'), { recursive: true });
  writeFileSync(join(directory, 'meta.properties.tmp'), 'half');
  expect(formatted([directory]).formatted).toEqual([directory]);
  expect(existsSync(join(directory, 'meta.properties.tmp'))).toBe(false);
});

test('format: a directory of another cluster is refused with both ids and the ways out, and left as it is', () => {
  const directory = fresh();
  formatted([directory], { clusterId: CLUSTER });
  const why = refusal(prepare([directory], { clusterId: OTHER_CLUSTER }));
  expect(why).toContain(CLUSTER);
  expect(why).toContain(OTHER_CLUSTER);
  expect(why).toMatch(/to keep the data, start with cluster id.*to begin anew/);
  expect(formatted([directory]).clusterId).toBe(CLUSTER);
});

test('format: directories of two clusters are refused, and a third, empty one is not formatted meanwhile', () => {
  const [one, two, empty] = [fresh(), fresh(), fresh()];
  formatted([one], { clusterId: CLUSTER });
  formatted([two], { clusterId: OTHER_CLUSTER });
  expect(refusal(prepare([empty, one, two]))).toContain(`belongs to cluster ${OTHER_CLUSTER}`);
  expect(existsSync(join(empty, 'meta.properties'))).toBe(false);
});

test('format: a directory of another node is refused with both ids', () => {
  const directory = fresh();
  formatted([directory], { nodeId: 7 });
  expect(refusal(prepare([directory], { nodeId: 8 }))).toMatch(/belongs to node 7, and this is node 8.*node\.id=7/);
});

test('format: a directory that holds something else is never touched', () => {
  const directory = fresh();
  mkdirSync(directory);
  writeFileSync(join(directory, 'thesis.tex'), 'years of work');
  expect(refusal(prepare([directory]))).toContain('is not empty and has no meta.properties (it holds thesis.tex)');
  expect(existsSync(join(directory, 'meta.properties'))).toBe(false);
});

test('format: a copied directory, an older version and a damaged file are refused by name', () => {
  const [one, two] = [fresh(), fresh()];
  formatted([one]);
  mkdirSync(two);
  writeFileSync(join(two, 'meta.properties'), readFileSync(join(one, 'meta.properties')));
  expect(refusal(prepare([one, two]))).toContain('have the same directory.id');
  writeFileSync(join(two, 'meta.properties'), 'version=0\nbroker.id=1\n');
  expect(refusal(prepare([two]))).toContain('before KRaft');
  writeFileSync(join(two, 'meta.properties'), 'version=1\nnode.id=1\n');
  expect(refusal(prepare([two]))).toContain('lacks cluster.id or node.id');
});

test('format: a cluster id that no client library could read is refused', () => {
  expect(refusal(prepare([fresh()], { clusterId: 'my cluster' }))).toContain("'my cluster' is no cluster id");
});

test('format: a directory in use is refused', () => {
  const directory = fresh();
  formatted([directory]);
  expect(ports.files.lock(join(directory, '.lock'))).toBe(true);
  expect(refusal(prepare([directory]))).toContain(`${directory} is in use by another process`);
  ports.files.unlock(join(directory, '.lock'));
  expect(prepare([directory]).ok).toBe(true);
});

test('format: a file in place of a directory is refused alone, and left out beside a good directory', () => {
  const file = fresh();
  writeFileSync(file, '');
  chmodSync(file, 0o600);
  expect(refusal(prepare([file]))).toMatch(/cannot be used.*it is a file/);
  const good = fresh();
  const both = formatted([file, good]);
  expect(both.formatted).toEqual([good]);
  expect(both.unusable).toMatchObject([{ path: file }]);
});
