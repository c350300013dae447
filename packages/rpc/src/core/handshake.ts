/** How two nodes take each other, before the first message: as headers of the call and of its answer. Wrong ones are told in words. */
import type { Identity, Target } from '../ports.ts';
import type { Decoded } from './schema.ts';
import type { VersionRange } from './service.ts';

/** By name; printable ASCII. */
export type Headers = Readonly<Record<string, string>>;

const NAMES = {
  clusterId: 'odradek-cluster-id',
  nodeId: 'odradek-node-id',
  directoryId: 'odradek-directory-id',
  incarnationId: 'odradek-incarnation-id',
  versions: 'odradek-versions',
  wantedNodeId: 'odradek-wanted-node-id',
  wantedDirectoryId: 'odradek-wanted-directory-id',
} as const;

/** Longer ones are none of ours, and would fill a log. */
const HEADER_LENGTH_MAX = 256;

export type Hello = {
  readonly from: Identity;
  readonly versions: VersionRange;
  readonly wantedNodeId: number | null;
  readonly wantedDirectoryId: string | null;
};

/** What the side that dials says of itself, and whom it wants. */
export function helloHeaders(self: Identity, versions: VersionRange, target: Target): Headers {
  const { nodeId, directoryId } = target;
  return {
    ...identityHeaders(self),
    [NAMES.versions]: `${versions.min}-${versions.max}`,
    ...(nodeId === null ? {} : { [NAMES.wantedNodeId]: String(nodeId) }),
    ...(directoryId === null ? {} : { [NAMES.wantedDirectoryId]: encodeURIComponent(directoryId) }),
  };
}

/** What the side that listens answers. */
export function welcomeHeaders(self: Identity, version: number): Headers {
  return { ...identityHeaders(self), [NAMES.versions]: `${version}-${version}` };
}

/** The listener's judgement.
 * @returns who dials and in which version, or a sentence that the dialler is told */
export function judgeHello(
  self: Identity,
  service: { readonly name: string; readonly versions: VersionRange },
  headers: Headers,
): Decoded<{ readonly from: Identity; readonly version: number }> {
  const read = readHello(headers);
  if (!read.ok) return read;
  const { from, versions, wantedNodeId, wantedDirectoryId } = read.value;
  if (from.clusterId !== self.clusterId) return refused(otherCluster(from, self));
  if (wantedNodeId !== null && wantedNodeId !== self.nodeId) {
    const fix = 'check the addresses of controller.quorum.voters and of the listeners';
    return refused(`node ${from.nodeId} looks for node ${wantedNodeId} here, but this is node ${self.nodeId}: ${fix}`);
  }
  if (wantedDirectoryId !== null && wantedDirectoryId !== self.directoryId) {
    const found = `this is directory ${self.directoryId}: its disk was replaced or formatted again`;
    return refused(
      `node ${from.nodeId} looks for node ${self.nodeId} with directory ${wantedDirectoryId}, but ${found}`,
    );
  }
  const version = Math.min(versions.max, service.versions.max);
  if (version < Math.max(versions.min, service.versions.min)) {
    const ours = `node ${self.nodeId} speaks ${rangeText(service.versions)}`;
    const fix = 'upgrade one release after the other';
    return refused(`node ${from.nodeId} speaks ${service.name} in ${rangeText(versions)}, ${ours}: ${fix}`);
  }
  return { ok: true, value: { from, version } };
}

/** The dialler's judgement of the answer: it wants what it asked for, whoever answers. */
export function judgeWelcome(
  self: Identity,
  want: { readonly versions: VersionRange; readonly target: Target },
  headers: Headers,
): Decoded<{ readonly from: Identity; readonly version: number }> {
  const read = readHello(headers);
  if (!read.ok) return read;
  const { from, versions } = read.value;
  const { target } = want;
  const where = `at ${target.host}:${target.port}`;
  if (from.clusterId !== self.clusterId) return refused(`${otherCluster(from, self)} (${where})`);
  if (target.nodeId !== null && target.nodeId !== from.nodeId)
    return refused(`node ${target.nodeId} is wanted ${where}, but node ${from.nodeId} answers`);
  if (target.directoryId !== null && target.directoryId !== from.directoryId)
    return refused(`directory ${target.directoryId} is wanted ${where}, but ${from.directoryId} answers`);
  if (versions.max < want.versions.min || versions.max > want.versions.max)
    return refused(`node ${from.nodeId} answers in ${rangeText(versions)}, which was not offered`);
  return { ok: true, value: { from, version: versions.max } };
}

function readHello(headers: Headers): Decoded<Hello> {
  const clusterId = headerText(headers, NAMES.clusterId);
  const nodeId = headerNumber(headers, NAMES.nodeId);
  const directoryId = headerText(headers, NAMES.directoryId);
  const incarnationId = headerText(headers, NAMES.incarnationId);
  const versions = headerRange(headers, NAMES.versions);
  if (clusterId === undefined || nodeId === undefined || directoryId === undefined || incarnationId === undefined)
    return refused('the caller does not say which node of which cluster it is: it is no node of Odradek');
  if (versions === undefined) return refused(`node ${nodeId} does not say in which versions it speaks`);
  return {
    ok: true,
    value: {
      from: { clusterId, nodeId, directoryId, incarnationId },
      versions,
      wantedNodeId: headerNumber(headers, NAMES.wantedNodeId) ?? null,
      wantedDirectoryId: headerText(headers, NAMES.wantedDirectoryId) ?? null,
    },
  };
}

function identityHeaders(self: Identity): Headers {
  return {
    [NAMES.clusterId]: encodeURIComponent(self.clusterId),
    [NAMES.nodeId]: String(self.nodeId),
    [NAMES.directoryId]: encodeURIComponent(self.directoryId),
    [NAMES.incarnationId]: encodeURIComponent(self.incarnationId),
  };
}

function headerText(headers: Headers, name: string): string | undefined {
  const value = headers[name];
  if (value === undefined || value.length > HEADER_LENGTH_MAX) return undefined;
  try {
    return decodeURIComponent(value);
  } catch {
    return undefined;
  }
}

function headerNumber(headers: Headers, name: string): number | undefined {
  const value = headers[name];
  return value !== undefined && /^\d{1,10}$/.test(value) ? Number(value) : undefined;
}

function headerRange(headers: Headers, name: string): VersionRange | undefined {
  const [, min, max] = /^(\d{1,6})-(\d{1,6})$/.exec(headers[name] ?? '') ?? [];
  return min === undefined || max === undefined ? undefined : { min: Number(min), max: Number(max) };
}

function otherCluster(from: Identity, self: Identity): string {
  const theirs = `node ${from.nodeId} belongs to cluster ${from.clusterId}`;
  return `${theirs}, node ${self.nodeId} to cluster ${self.clusterId}: check the addresses, or format with one --cluster-id`;
}

function rangeText({ min, max }: VersionRange): string {
  return min === max ? `version ${min}` : `versions ${min} to ${max}`;
}

function refused(why: string): { readonly ok: false; readonly why: string } {
  return { ok: false, why };
}
