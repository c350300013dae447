/** What can be done to nodes, the scenarios that do it, and the steps of one round of each: plans without touching anything. */
import { unreachable } from '@odradek/base';

/** Each takes one node; how it is done is a driver's business. */
export const actions = [
  'kill',
  'start',
  'stop',
  'pause',
  'resume',
  'isolate',
  'mute',
  'deafen',
  'rejoin',
  'slow-disk',
  'restore-disk',
  'fill-disk',
  'free-disk',
] as const;
export type Action = (typeof actions)[number];

/** What each does, as a sentence about a node. */
export const meaning: Readonly<Record<Action, string>> = {
  kill: 'kills its process at once (SIGKILL)',
  start: 'starts it again, and may return before it answers',
  stop: 'stops it in order (SIGTERM) and returns when it has ended',
  pause: 'stops its process in mid-air (SIGSTOP); its connections stay open',
  resume: 'lets it go on (SIGCONT)',
  isolate: 'cuts it off from the other nodes, both ways',
  mute: 'loses what it says to the other nodes; what they say reaches it',
  deafen: 'loses what the other nodes say to it; what it says reaches them',
  rejoin: 'mends what isolate, mute and deafen did',
  'slow-disk': 'makes its disk slow',
  'restore-disk': 'makes its disk as fast as it was',
  'fill-disk': 'fills its disk to the last byte',
  'free-disk': 'frees what fill-disk took',
};

/** What ends an action; undefined for those that end something. */
export function remedyOf(action: Action): Action | undefined {
  switch (action) {
    case 'kill':
    case 'stop':
      return 'start';
    case 'pause':
      return 'resume';
    case 'isolate':
    case 'mute':
    case 'deafen':
      return 'rejoin';
    case 'slow-disk':
      return 'restore-disk';
    case 'fill-disk':
      return 'free-disk';
    case 'start':
    case 'resume':
    case 'rejoin':
    case 'restore-disk':
    case 'free-disk':
      return undefined;
    default:
      return unreachable(action);
  }
}

export type Step =
  | { readonly kind: 'act'; readonly action: Action; readonly node: number }
  /** The faults that there are last so long. */
  | { readonly kind: 'hold'; readonly ms: number }
  /** Until the node answers clients. */
  | { readonly kind: 'untilAnswers'; readonly node: number }
  /** Until every replica of every partition is in sync. */
  | { readonly kind: 'untilWhole' };

/** The cluster as a plan is made. */
export type Scene = {
  /** Nodes that hold partitions, ascending. */
  readonly nodes: readonly number[];
  /** The active controller; -1 when nobody says. It may be none of `nodes`. */
  readonly controller: number;
  /** Node → partitions of the workload that it leads. */
  readonly leads: ReadonlyMap<number, number>;
};

export type Timing = {
  /** From 0 on: victims take turns. */
  readonly round: number;
  /** How long a fault lasts. */
  readonly holdMs: number;
};

export type Scenario = {
  readonly name: string;
  readonly summary: string;
  readonly needs: readonly Action[];
  readonly round: (scene: Scene, timing: Timing) => readonly Step[];
};

const act = (action: Action, node: number): Step => ({ kind: 'act', action, node });
const hold = (ms: number): Step => ({ kind: 'hold', ms });
const WHOLE: Step = { kind: 'untilWhole' };

/** How long a killed node stays away in a loop of kills, and how long it lives. */
const LOOP_AWAY_MS = 500;
const LOOP_LIFE_MS = 1_500;
const LOOP_KILLS_MIN = 3;

function turn({ nodes }: Scene, round: number): number {
  return nodes[round % nodes.length] ?? -1;
}

/** One node, one fault, its remedy. */
function oneFault(fault: (round: number) => Action): Scenario['round'] {
  return (scene, { round, holdMs }) => {
    const [node, action] = [turn(scene, round), fault(round)];
    const remedy = remedyOf(action);
    const back = remedy === undefined ? [] : [act(remedy, node)];
    const answers: Step[] = remedy === 'start' ? [{ kind: 'untilAnswers', node }] : [];
    return [act(action, node), hold(holdMs), ...back, ...answers, WHOLE];
  };
}

/** The next node is killed as soon as the last one answers: replicas are not in sync yet, and logs are cut in mid-recovery. */
function killLoop(scene: Scene, { round, holdMs }: Timing): Step[] {
  const kills = Math.max(LOOP_KILLS_MIN, Math.floor(holdMs / (LOOP_AWAY_MS + LOOP_LIFE_MS)));
  const steps = Array.from({ length: kills }, (_, index): Step[] => {
    const node = turn(scene, round + index);
    return [
      act('kill', node),
      hold(LOOP_AWAY_MS),
      act('start', node),
      { kind: 'untilAnswers', node },
      hold(LOOP_LIFE_MS),
    ];
  });
  return [...steps.flat(), WHOLE];
}

function rollingRestart({ nodes }: Scene): Step[] {
  return nodes.flatMap((node): Step[] => [
    act('stop', node),
    act('start', node),
    { kind: 'untilAnswers', node },
    WHOLE,
  ]);
}

/** Of three combined nodes that is a majority: nothing can be acknowledged until one is back, and nothing may be lost. */
function controllerAndLeader(scene: Scene, { holdMs }: Timing): Step[] {
  const controller = scene.nodes.includes(scene.controller) ? scene.controller : (scene.nodes[0] ?? -1);
  const others = scene.nodes.filter((node) => node !== controller);
  const most = Math.max(...others.map((node) => scene.leads.get(node) ?? 0));
  const leader = others.find((node) => (scene.leads.get(node) ?? 0) === most);
  const victims = leader === undefined ? [controller] : [controller, leader];
  return [
    ...victims.map((node) => act('kill', node)),
    hold(holdMs),
    ...victims.map((node) => act('start', node)),
    ...victims.map((node): Step => ({ kind: 'untilAnswers', node })),
    WHOLE,
  ];
}

export const scenarios: readonly Scenario[] = [
  {
    name: 'kill',
    summary: 'one node is killed, stays away, and comes back; the next round takes the next node',
    needs: ['kill', 'start'],
    round: oneFault(() => 'kill'),
  },
  {
    name: 'kill-loop',
    summary: 'node after node is killed, each as soon as the last one answers again',
    needs: ['kill', 'start'],
    round: killLoop,
  },
  {
    name: 'pause',
    summary: 'one node hangs: its process stands still, its connections stay open, then it goes on',
    needs: ['pause', 'resume'],
    round: oneFault(() => 'pause'),
  },
  {
    name: 'isolate',
    summary: 'one node is cut off from the others, both ways',
    needs: ['isolate', 'rejoin'],
    round: oneFault(() => 'isolate'),
  },
  {
    name: 'half-partition',
    summary: 'what one node says to the others is lost, in every other round what they say to it',
    needs: ['mute', 'deafen', 'rejoin'],
    round: oneFault((round) => (round % 2 === 0 ? 'mute' : 'deafen')),
  },
  {
    name: 'slow-disk',
    summary: 'the disk of one node is slow',
    needs: ['slow-disk', 'restore-disk'],
    round: oneFault(() => 'slow-disk'),
  },
  {
    name: 'full-disk',
    summary: 'the disk of one node is full to the last byte, then there is room again',
    needs: ['fill-disk', 'free-disk'],
    round: oneFault(() => 'fill-disk'),
  },
  {
    name: 'rolling-restart',
    summary: 'every node is stopped in order and started again, one after another',
    needs: ['stop', 'start'],
    round: rollingRestart,
  },
  {
    name: 'controller-and-leader',
    summary: 'the active controller and the leader of the most partitions are killed at once',
    needs: ['kill', 'start'],
    round: controllerAndLeader,
  },
];
