import { describe, expect, test } from 'vitest';
import { entitiesOf, type EntityOptions } from './entities.ts';

const none = { entityType: [], entityNames: [] };
const of = (options: Partial<EntityOptions>, doing: 'describe' | 'alter' = 'describe') =>
  entitiesOf({ ...none, ...options }, doing);

describe('entities of a command line', () => {
  test('type and name, each shortcut, and no name at all say the same things', () => {
    expect(of({ entityType: ['topics'], entityNames: ['orders'] })).toEqual([{ type: 'topics', name: 'orders' }]);
    expect(of({ topic: 'orders' })).toEqual([{ type: 'topics', name: 'orders' }]);
    expect(of({ entityType: ['brokers'] })).toEqual([{ type: 'brokers', name: undefined }]);
    expect(of({ entityType: ['brokers'], entityNames: [''] })).toEqual([{ type: 'brokers', name: '' }]);
    expect(of({ brokerDefaults: true })).toEqual([{ type: 'brokers', name: '' }]);
    expect(of({ brokerLogger: '3' })).toEqual([{ type: 'broker-loggers', name: '3' }]);
    expect(of({ clientMetrics: 'cm' })).toEqual([{ type: 'client-metrics', name: 'cm' }]);
  });

  test('a user and a client come together, the user first, whichever is named first', () => {
    const pair = [
      { type: 'users', name: 'u' },
      { type: 'clients', name: '' },
    ];
    expect(of({ entityType: ['clients', 'users'], entityNames: ['', 'u'] })).toEqual(pair);
    expect(of({ user: 'u', clientDefaults: true })).toEqual(pair);
    const anyClient = of({ entityType: ['users', 'clients'], entityNames: ['u'] });
    expect(anyClient).toEqual([
      { type: 'users', name: 'u' },
      { type: 'clients', name: undefined },
    ]);
  });

  test.each([
    ['nothing', {}, 'name what to look at'],
    ['an unknown type', { entityType: ['tables'] }, "'tables' is none of topics"],
    ['a type twice', { entityType: ['topics', 'topics'] }, 'topics are named twice'],
    ['two that do not go together', { topic: 'a', group: 'b' }, 'only users and clients go together'],
    ['both ways at once', { entityType: ['topics'], topic: 'a' }, 'do not go together'],
    ['more names than types', { entityType: ['topics'], entityNames: ['a', 'b'] }, 'more names than types'],
    ['a default of topics', { entityType: ['topics'], entityNames: [''] }, 'have no defaults'],
    ['a broker that is no number', { broker: 'one' }, "'one' is none"],
    ['loggers of no broker', { entityType: ['broker-loggers'] }, 'say which of the broker-loggers'],
  ])('%s is refused', (_, options, why) => {
    expect(() => of(options)).toThrow(why);
  });

  test('an alteration names each entity', () => {
    expect(() => of({ entityType: ['users'] }, 'alter')).toThrow('--entity-name or --entity-default');
    expect(() => of({ entityType: ['users', 'clients'], entityNames: ['u'] }, 'alter')).toThrow('which of the clients');
  });
});
