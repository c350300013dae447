import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Logger } from './log.ts';
import { kafkaLevels, levelled, LoggerLevels, loggers, named, ROOT_LOGGER } from './loggers.ts';

function collecting(): { log: Logger; lines: string[] } {
  const lines: string[] = [];
  const at = (prefix: string): Logger => {
    const say = (level: string) => (_fields: object, message: string) =>
      void lines.push(`${prefix}${level} ${message}`);
    const child = (fields: object) => at(`${prefix}${JSON.stringify(fields)} `);
    return { debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error'), child };
  };
  return { log: at(''), lines };
}

test('loggers: names are in order, so that each comes after those above it', () => {
  const names = Object.keys(loggers);
  expect(names).toEqual(names.toSorted((left, right) => (left < right ? -1 : 1)));
});

test('loggers: one without a level of its own goes by the nearest above it, and again once its own is taken away', () => {
  const levels = new LoggerLevels('WARN');
  levels.set('kafka', 'ERROR');
  levels.set('kafka.request.logger', 'DEBUG');
  const told = () =>
    ['kafka', 'kafka.request.logger', 'kafka.server.KafkaApis', 'org.apache.kafka.raft'].map((name) =>
      levels.level(name),
    );
  expect(told()).toEqual(['ERROR', 'DEBUG', 'ERROR', 'WARN']);
  levels.set('kafka.request.logger', null);
  expect(told()).toEqual(['ERROR', 'ERROR', 'ERROR', 'WARN']);
  levels.set('kafka', null);
  levels.set(ROOT_LOGGER, 'TRACE');
  expect(told()).toEqual(['TRACE', 'TRACE', 'TRACE', 'TRACE']);
  expect(() => levels.set(ROOT_LOGGER, null)).toThrow('the root logger has a level');
});

test('loggers: whatever is set in whatever order, each goes by the nearest level that was set above it', () => {
  const names = [...Object.keys(loggers), ROOT_LOGGER];
  const change = fc.record({ name: fc.constantFrom(...names), level: fc.option(fc.constantFrom(...kafkaLevels)) });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 30 }), (changes) => {
      const levels = new LoggerLevels('INFO');
      const own = new Map<string, string>([[ROOT_LOGGER, 'INFO']]);
      for (const { name, level } of changes) {
        if (level === null && name === ROOT_LOGGER) continue;
        levels.set(name, level);
        if (level === null) own.delete(name);
        else own.set(name, level);
      }
      const nearest = (name: string): string | undefined => {
        const above = name.split('.').map((_, at, parts) => parts.slice(0, parts.length - at).join('.'));
        return [...above, ROOT_LOGGER].map((each) => own.get(each)).find((level) => level !== undefined);
      };
      expect(levels.all()).toEqual(names.map((name) => [name, nearest(name)]));
    }),
  );
});

test('loggers: a line passes by the level of the logger that its child is named after, changed later or not', () => {
  const { log, lines } = collecting();
  const levels = new LoggerLevels('INFO');
  const root = levelled(log, levels);
  const raft = named(root, 'org.apache.kafka.raft').child({ peer: 2 });
  raft.debug({}, 'unheard');
  levels.set('org.apache.kafka.raft', 'TRACE');
  raft.debug({}, 'heard');
  root.debug({}, 'unheard');
  levels.set(ROOT_LOGGER, 'FATAL');
  root.warn({}, 'unheard');
  root.error({}, 'heard');
  raft.info({}, 'heard');
  const prefix = '{"logger":"org.apache.kafka.raft"} {"peer":2} ';
  expect(lines).toEqual([`${prefix}debug heard`, 'error heard', `${prefix}info heard`]);
});

test('loggers: a field that names no logger of the table changes nothing', () => {
  const { log, lines } = collecting();
  levelled(log, new LoggerLevels('WARN')).child({ logger: 'nope' }).info({}, 'unheard');
  expect(lines).toEqual([]);
});
