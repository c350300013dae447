/** A controller's listener on a simulated network, in front of a controller whose answers a test writes itself. */
import { limits as allLimits, LoggerLevels, MetricsRegistry, NodeConfig, type Outcome, refuse } from '@odradek/base';
import { SimClock, SimNetwork } from '@odradek/base/testing';
import { type AdminReply, type AdminRequest, MetadataImage } from '@odradek/metadata';
import { ErrorCode } from '@odradek/protocol';
import type { Authorizer } from '../core/authorizer.ts';
import { type ControllerFront, createControllerFront } from '../front/create-controller-front.ts';
import type { FrontController } from '../front/services.ts';
import { KafkaClient } from './kafka-client.ts';
import { collectingLog, type Line } from './listening.ts';

export const FRONT_CLUSTER = 'AAAAAAAAAAEAAAAAAAAAAg';

type Answered = Outcome<AdminReply<AdminRequest>>;
export type Answer = (asked: AdminRequest) => Answered | Promise<Answered>;

export type TestFront = {
  readonly front: ControllerFront;
  readonly network: SimNetwork;
  readonly clock: SimClock;
  readonly metrics: MetricsRegistry;
  readonly lines: Line[];
  readonly port: number;
  /** What came to the controller, in order, with the principal. */
  readonly asked: { readonly request: AdminRequest; readonly principal: string; readonly requestId: string }[];
  readonly bugs: unknown[];
  readonly logLevels: LoggerLevels;
  connect(): KafkaClient;
  /** For those that were started with `serves: false`. */
  serve(): void;
};

export type TestFrontOptions = {
  /** false: bound, but not serving yet. */
  readonly serves?: boolean;
  /** Left out: everything is refused with NOT_CONTROLLER. */
  readonly answer?: Answer;
  readonly image?: MetadataImage;
  readonly leader?: ReturnType<FrontController['leader']>;
  readonly voters?: ReturnType<FrontController['voters']>;
  readonly authorizer?: Authorizer;
  readonly config?: Readonly<Record<string, string>>;
};

const notActive: Answer = () => refuse(ErrorCode.NOT_CONTROLLER, 'this controller is not the active one');

export async function startFront(options: TestFrontOptions = {}): Promise<TestFront> {
  const { answer = notActive, image = new MetadataImage(), authorizer } = options;
  const leader = options.leader ?? { nodeId: null, epoch: 0, endpoint: undefined };
  const network = new SimNetwork();
  const clock = new SimClock();
  const metrics = new MetricsRegistry();
  const { log, lines } = collectingLog();
  const bugs: unknown[] = [];
  const logLevels = new LoggerLevels();
  const config = new NodeConfig(
    new Map(
      Object.entries({
        'node.id': '7',
        'process.roles': 'controller',
        listeners: 'CONTROLLER://localhost:0',
        'controller.listener.names': 'CONTROLLER',
        ...options.config,
      }),
    ),
  );
  const front = await createControllerFront({
    ports: { clock, network },
    config,
    clusterId: FRONT_CLUSTER,
    metrics,
    log,
    logLevels,
    limits: allLimits.tiny,
    ...(authorizer === undefined ? {} : { authorizer }),
    onBug: (error) => void bugs.push(error),
  });
  const asked: TestFront['asked'][number][] = [];
  const serve = (): void =>
    front.serve({
      image: () => image,
      leader: () => leader,
      voters: () => options.voters ?? [],
      admin: async (request, principal, { request: requestId }) => {
        asked.push({ request, principal, requestId });
        const outcome = await answer(request);
        return outcome.ok ? { ok: true, value: { reply: outcome.value, committedOffset: 0 } } : outcome;
      },
    });
  if (options.serves !== false) serve();
  const port = front.listeners[0]?.port ?? 0;
  const connect = (): KafkaClient => new KafkaClient(network.open({ port }));
  return { front, network, clock, metrics, lines, port, asked, bugs, logLevels, connect, serve };
}
