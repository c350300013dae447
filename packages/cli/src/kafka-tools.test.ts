import { expect, test } from 'vitest';
import { kafkaTools } from './kafka-tools.ts';
import { wholeProgram } from './program.ts';

test.for(Object.entries(kafkaTools))("%s is a command's other name", async ([, { words }]) => {
  const program = await wholeProgram();
  let command = program;
  for (const word of words) {
    const inner = command.commands.find((each) => each.name() === word);
    expect(inner?.name(), `odradek ${words.join(' ')}`).toBe(word);
    if (inner !== undefined) command = inner;
  }
});

test('every tool is known by its class, and no class is that of two', () => {
  const classes = Object.values(kafkaTools).map((tool) => tool.classes);
  expect(Object.keys(kafkaTools).filter((_, at) => classes[at]?.length === 0)).toEqual([]);
  expect(new Set(classes.flat()).size).toBe(classes.flat().length);
  expect(classes.flat().filter((name) => !/^(?:org\.apache\.)?kafka\.(?:[a-z]+\.)+[A-Z][A-Za-z]+$/.test(name))).toEqual(
    [],
  );
});
