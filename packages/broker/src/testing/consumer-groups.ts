/** A whole simulated node with a topic and a coordinator, and what members of consumer groups (KIP-848) say to it. */
import type { RequestInput, ResponseOf } from '@odradek/protocol';
import { createTopic, startSimNode } from './sim-client.ts';
import type { SimClient, SimNode, SimNodeOptions } from './sim-client.ts';

export type GroupWorld = SimNode & {
  readonly client: SimClient;
  /** Of `orders`, which has 2 partitions. */
  readonly topicId: string;
};

export const GROUP = 'g';
export const MEMBER = 'm';

/** A node on which topic `orders` exists and the coordinator of groups is found. */
export async function startGroupWorld(options: SimNodeOptions = {}): Promise<GroupWorld> {
  const node = await startSimNode(options);
  const client = await node.connect('client');
  const topicId = await createTopic(client, 'orders', { partitions: 2 });
  await findCoordinator(client);
  return { ...node, client, topicId };
}

export async function findCoordinator(client: SimClient): Promise<void> {
  const { coordinators } = await client.ask(10, { keyType: 0, coordinatorKeys: [GROUP] });
  if (coordinators[0]?.errorCode !== 0) throw new Error(`no coordinator: ${coordinators[0]?.errorMessage}`);
}

/** The first heartbeat of a member. */
export const joinBody = (change: Partial<RequestInput<68>> = {}): RequestInput<68> => ({
  groupId: GROUP,
  memberId: MEMBER,
  memberEpoch: 0,
  rebalanceTimeoutMs: 60_000,
  subscribedTopicNames: ['orders'],
  topicPartitions: [],
  ...change,
});

/** A heartbeat that says nothing new. */
export const beatBody = (memberEpoch: number, change: Partial<RequestInput<68>> = {}): RequestInput<68> => ({
  groupId: GROUP,
  memberId: MEMBER,
  memberEpoch,
  rebalanceTimeoutMs: -1,
  ...change,
});

/** Joins, and beats until the member has what it is to own. */
export async function join(world: GroupWorld, change: Partial<RequestInput<68>> = {}): Promise<ResponseOf<68>> {
  const joined = await world.client.ask(68, joinBody(change));
  if (joined.errorCode !== 0) throw new Error(`not joined: ${joined.errorCode} ${joined.errorMessage}`);
  return joined;
}

/** Beats until a heartbeat brings an assignment, while time passes between. */
export async function nextAssignment(
  world: GroupWorld,
  memberEpoch: number,
  change: Partial<RequestInput<68>> = {},
): Promise<ResponseOf<68>> {
  let epoch = memberEpoch;
  for (let beat = 0; beat < 20; beat += 1) {
    const answer = await world.client.ask(68, beatBody(epoch, change));
    if (answer.errorCode !== 0) throw new Error(`no heartbeat: ${answer.errorCode} ${answer.errorMessage}`);
    if (answer.assignment !== null) return answer;
    epoch = answer.memberEpoch;
    await world.clock.advance(1_000);
  }
  throw new Error('no assignment in 20 heartbeats');
}
