/** The small words of the command line: actions, filters, configuration files, refusals. */
import { expect, test } from 'vitest';
import { ErrorCode } from '@odradek/protocol';
import { actionFirst } from './actions.ts';
import { parseClientConfig } from './command-config.ts';
import { groupStates, groupTypes, parseFilter, showType } from './filters.ts';
import { activeGroup, groupRefused } from './refusals.ts';

test('actions: a line for kafka-consumer-groups becomes ours, and ours stays as it is', () => {
  const words = (text: string): string[] => text.split(' ');
  expect(actionFirst(words('groups --bootstrap-server b --describe --group g --members'))).toEqual(
    words('groups describe --bootstrap-server b --group g --members'),
  );
  expect(actionFirst(words('groups --list --state'))).toEqual(words('groups list --state'));
  expect(actionFirst(words('groups --delete-offsets --group g'))).toEqual(words('groups delete-offsets --group g'));
  expect(actionFirst(words('groups --bootstrap-server b --validate-regex -a.* --json'))).toEqual(
    words('groups validate-regex --bootstrap-server b --json -- -a.*'),
  );
  expect(actionFirst(words('groups --validate-regex=a=b'))).toEqual(words('groups validate-regex -- a=b'));
  expect(actionFirst(words('groups --validate-regex'))).toEqual(words('groups validate-regex'));
  for (const same of [
    'groups --list --validate-regex a',
    'groups list',
    'groups --help',
    'groups --list --describe',
    'topics --list',
    'groups describe --list',
  ]) {
    expect(actionFirst(words(same))).toEqual(words(same));
  }
  expect(actionFirst([])).toEqual([]);
});

test('filters: any case, blanks around commas, and the allowed names when one is wrong', () => {
  expect(parseFilter('--state', 'stable, EMPTY', groupStates)).toEqual(['Stable', 'Empty']);
  expect(parseFilter('--type', true, groupTypes)).toEqual([]);
  expect(() => parseFilter('--type', 'share', groupTypes)).toThrow("--type: 'share' is none of Classic, Consumer");
  expect([showType('classic'), showType('Consumer'), showType('')]).toEqual(['Classic', 'Consumer', '-']);
});

test('--command-config: addresses are taken, what changes nothing is named, what cannot be ignored is refused', () => {
  const read = (text: string) => parseClientConfig('c.properties', text);
  expect(read('bootstrap.servers=a:1\nsecurity.protocol = plaintext\nclient.id=x')).toEqual({
    bootstrapServer: 'a:1',
    unused: ['client.id'],
  });
  expect(read('# nothing')).toEqual({ bootstrapServer: undefined, unused: [] });
  for (const key of ['security.protocol=SASL_SSL', 'sasl.mechanism=PLAIN', 'ssl.truststore.location=/x']) {
    expect(() => read(key), key).toThrow(/c\.properties sets .* without TLS and SASL only/);
  }
  expect(() => read('a=\\uzzzz')).toThrow('--command-config: c.properties line 1');
});

test('refusals: what is wrong with a group, and what to do', () => {
  expect(groupRefused('delete', 'g', { ok: false, code: ErrorCode.GROUP_ID_NOT_FOUND, why: '' })).toBe(
    "group 'g' does not exist; `odradek groups list` names those that do",
  );
  expect(groupRefused('delete', 'g', { ok: false, code: ErrorCode.NON_EMPTY_GROUP, why: 'busy' })).toBe(
    "cannot delete group 'g': NON_EMPTY_GROUP: busy; it has members: stop them, or wait until their sessions expire",
  );
});

test('refusals: of a group in use the first members are named and the others counted', () => {
  const members = Array.from({ length: 7 }, (_, at) => ({
    memberId: `m${at}`,
    instanceId: undefined,
    rackId: undefined,
    clientId: `c${at}`,
    host: '/h',
    assignment: [],
    target: undefined,
    epoch: undefined,
    upgraded: undefined,
    subscribedTopics: undefined,
    subscribedRegex: undefined,
  }));
  const told = activeGroup('cannot delete', {
    groupId: 'g',
    type: 'classic',
    state: 'Stable',
    coordinator: { nodeId: 1, host: 'h', port: 1 },
    assignor: '',
    groupEpoch: undefined,
    assignmentEpoch: undefined,
    members,
    authorizedOperations: undefined,
  });
  expect(told).toMatch(
    /^cannot delete group 'g' while it is Stable with 7 members: c0 at \/h \(m0\), .*c4 at \/h \(m4\) and 2 more; stop them/,
  );
});
