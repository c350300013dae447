/** Connections by listener and by what their clients call themselves. Names are the clients' own, so that they are bounded. */
export type Counted = {
  readonly listener: string;
  readonly software: { readonly name: string; readonly version: string };
};
export type SoftwareCount = {
  readonly listener: string;
  readonly software: string;
  readonly version: string;
  count: number;
};

const OTHER = 'other';

/** @param kindsMax rows at most; connections of further kinds are counted together, in the last row of their listener */
export function softwareCounts(connections: Iterable<Counted>, kindsMax: number): SoftwareCount[] {
  const counts = new Map<string, SoftwareCount>();
  for (const { listener, software } of connections) {
    let { name, version } = software;
    if (!counts.has(`${listener} ${name} ${version}`) && counts.size >= kindsMax) name = version = OTHER;
    const key = `${listener} ${name} ${version}`;
    const known = counts.get(key);
    if (known === undefined) counts.set(key, { listener, software: name, version, count: 1 });
    else known.count += 1;
  }
  return Array.from(counts.values());
}
