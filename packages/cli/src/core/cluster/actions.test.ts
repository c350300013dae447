import { expect, test } from 'vitest';
import { commandFirst } from './actions.ts';

const words = (text: string): string[] => text.split(' ');

test.each([
  ['quorum --bootstrap-server b:1 describe --status', 'quorum describe --bootstrap-server b:1 --status'],
  [
    'quorum --bootstrap-controller c:1 --command-config f add-controller --dry-run',
    'quorum add-controller --bootstrap-controller c:1 --command-config f --dry-run',
  ],
  ['quorum --command-config describe describe', 'quorum describe --command-config describe'],
  ['features --bootstrap-server b:1 upgrade --feature x=1', 'features upgrade --bootstrap-server b:1 --feature x=1'],
  ['reassign --bootstrap-server b:1 --list', 'reassign list --bootstrap-server b:1'],
  [
    'reassign --execute --reassignment-json-file f --bootstrap-server b:1',
    'reassign execute --reassignment-json-file f --bootstrap-server b:1',
  ],
  ['topics --bootstrap-server b:1 --create --topic t', 'topics create --bootstrap-server b:1 --topic t'],
  ['topics --list', 'topics list'],
  ['client-metrics --bootstrap-server b:1 --delete --name x', 'client-metrics delete --bootstrap-server b:1 --name x'],
  [
    'configs --bootstrap-server b:1 --alter --entity-type topics --add-config a=1',
    'configs alter --bootstrap-server b:1 --entity-type topics --add-config a=1',
  ],
])('a line for Kafka: %s', (given, wanted) => {
  expect(commandFirst(words(given))).toEqual(words(wanted));
});

test.each([
  'quorum describe --bootstrap-server b:1',
  'quorum --bootstrap-server b:1',
  'reassign --bootstrap-server b:1',
  'reassign --list --verify',
  'reassign list --json',
  'topics list',
  'configs --describe --alter --topic t',
  'quorum --help',
])('left as it is: %s', (given) => {
  expect(commandFirst(words(given))).toEqual(words(given));
});
