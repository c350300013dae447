/** What `odradek configs` is asked about: entities by type and name, in every way in which kafka-configs lets people name them. */
import { usageError } from '../refusal.ts';

export const entityTypes = [
  'topics',
  'clients',
  'users',
  'brokers',
  'broker-loggers',
  'ips',
  'client-metrics',
  'groups',
] as const;
export type EntityType = (typeof entityTypes)[number];

/** @property name undefined: every entity of the type; '': the default of all (brokers, users, clients, ips) */
export type Entity = { readonly type: EntityType; readonly name: string | undefined };

/** Options of the command line. Names and `--entity-default` are one list, in the order in which they stand there: '' is the default. */
export type EntityOptions = {
  readonly entityType: readonly string[];
  readonly entityNames: readonly string[];
  readonly topic?: string;
  readonly client?: string;
  readonly user?: string;
  readonly broker?: string;
  readonly brokerLogger?: string;
  readonly ip?: string;
  readonly clientMetrics?: string;
  readonly group?: string;
  readonly clientDefaults?: boolean;
  readonly userDefaults?: boolean;
  readonly brokerDefaults?: boolean;
  readonly ipDefaults?: boolean;
};

const withDefaults: ReadonlySet<EntityType> = new Set(['users', 'clients', 'brokers', 'ips']);
const withBrokerIds: ReadonlySet<EntityType> = new Set(['brokers', 'broker-loggers']);
const BROKER_ID_MAX = 2_147_483_647;

/**
 * @param doing an alteration needs the name of each entity; a description of all of a type does not
 * @returns one entity, or a user and a client together (the user first)
 * @throws CommandError of wrong usage
 */
export function entitiesOf(options: EntityOptions, doing: 'describe' | 'alter'): Entity[] {
  const short = shortcuts(options);
  const spelled = options.entityType.length > 0 || options.entityNames.length > 0;
  if (spelled && short.length > 0) {
    throw usageError(
      '--entity-type, --entity-name and --entity-default do not go together with --topic, --broker and the like',
    );
  }
  if (options.entityNames.length > options.entityType.length) {
    throw usageError('each --entity-name and --entity-default needs an --entity-type: there are more names than types');
  }
  const named = options.entityType.map((type, at): Entity => ({ type: typeOf(type), name: options.entityNames[at] }));
  const entities = spelled ? named : short;
  checkTypes(entities);
  for (const entity of entities) checkEntity(entity, doing);
  return entities.toSorted((left, right) => Number(right.type === 'users') - Number(left.type === 'users'));
}

function shortcuts(options: EntityOptions): Entity[] {
  const values: readonly (readonly [EntityType, string | undefined])[] = [
    ['topics', options.topic],
    ['clients', options.client],
    ['users', options.user],
    ['brokers', options.broker],
    ['broker-loggers', options.brokerLogger],
    ['ips', options.ip],
    ['client-metrics', options.clientMetrics],
    ['groups', options.group],
    ['clients', options.clientDefaults === true ? '' : undefined],
    ['users', options.userDefaults === true ? '' : undefined],
    ['brokers', options.brokerDefaults === true ? '' : undefined],
    ['ips', options.ipDefaults === true ? '' : undefined],
  ];
  return values.flatMap(([type, name]) => (name === undefined ? [] : [{ type, name }]));
}

function typeOf(text: string): EntityType {
  const found = entityTypes.find((type) => type === text);
  if (found === undefined) throw usageError(`--entity-type: '${text}' is none of ${entityTypes.join(', ')}`);
  return found;
}

function checkTypes(entities: readonly Entity[]): void {
  const types = entities.map(({ type }) => type);
  if (types.length === 0) {
    throw usageError(
      'name what to look at: --entity-type with --entity-name, or --topic, --broker, --group and the like',
    );
  }
  const twice = types.find((type, at) => types.indexOf(type) !== at);
  if (twice !== undefined) throw usageError(`${twice} are named twice: one command is about one of them`);
  const isPair = types.length === 2 && types.includes('users') && types.includes('clients');
  if (types.length > 1 && !isPair) throw usageError(`only users and clients go together, not ${types.join(' and ')}`);
}

function checkEntity({ type, name }: Entity, doing: 'describe' | 'alter'): void {
  if (name === '' && !withDefaults.has(type))
    throw usageError(`${type} have no defaults of their own: name one of them`);
  const needsName = doing === 'alter' || type === 'broker-loggers';
  if (name === undefined && needsName) {
    const orDefault = withDefaults.has(type) ? ' or --entity-default' : '';
    throw usageError(`say which of the ${type}: --entity-name${orDefault}`);
  }
  if (name !== undefined && name !== '' && withBrokerIds.has(type) && !isBrokerId(name)) {
    throw usageError(`the name of an entity of ${type} is the number of a broker, and '${name}' is none`);
  }
}

function isBrokerId(text: string): boolean {
  return /^\d+$/.test(text) && Number(text) <= BROKER_ID_MAX;
}

/** `topics` as `topic`: what one of them is called in a sentence. */
export function singular(type: EntityType): string {
  return type.slice(0, -1);
}
