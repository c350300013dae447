/** The faults of `odradek chaos` on the processes of a test's own cluster, its private network and its disks. */
import { driverOf, type Driver, type Target } from 'odradek/chaos';
import type { Cluster, ClusterNode } from '../cluster.ts';
import type { PrivateNetwork } from '../network.ts';
import type { SlowDisk } from '../slow-disk.ts';
import type { SmallDisk } from '../small-disk.ts';

type Means = {
  /** With a host for each node, in the order of ids from 1 on. */
  readonly network?: PrivateNetwork;
  /** By node. */
  readonly smallDisks?: ReadonlyMap<number, SmallDisk>;
  readonly slowDisks?: ReadonlyMap<number, SlowDisk>;
};

type Pair = readonly [from: number, to: number];

export function faultsOn(cluster: Cluster, means: Means = {}): Driver {
  const node = ({ id }: Target): ClusterNode => cluster.node(id);
  const from = ({ id }: Target): Pair[] => others(cluster, id).map((other): Pair => [id, other]);
  const to = ({ id }: Target): Pair[] => others(cluster, id).map((other): Pair => [other, id]);
  const { network, smallDisks, slowDisks } = means;
  return driverOf('the processes of a test', {
    kill: (target) => node(target).kill(),
    start: (target) => node(target).start(),
    stop: async (target) => void (await node(target).stop()),
    pause: (target) => node(target).pause(),
    resume: (target) => node(target).resume(),
    ...(network === undefined
      ? {}
      : {
          isolate: (target: Target) => network.cut(...from(target), ...to(target)),
          mute: (target: Target) => network.cut(...from(target)),
          deafen: (target: Target) => network.cut(...to(target)),
          rejoin: () => network.heal(),
        }),
    ...(smallDisks === undefined
      ? {}
      : {
          'fill-disk': ({ id }: Target) => diskOf(smallDisks, id).fill(),
          'free-disk': ({ id }: Target) => diskOf(smallDisks, id).empty(),
        }),
    ...(slowDisks === undefined
      ? {}
      : {
          'slow-disk': ({ id }: Target) => diskOf(slowDisks, id).slow(),
          'restore-disk': ({ id }: Target) => diskOf(slowDisks, id).fast(),
        }),
  });
}

const others = (cluster: Cluster, id: number): number[] =>
  cluster.nodes.map((each) => each.id).filter((other) => other !== id);

function diskOf<T>(disks: ReadonlyMap<number, T>, id: number): T {
  const disk = disks.get(id);
  if (disk === undefined) throw new Error(`node ${id} has no such disk`);
  return disk;
}
