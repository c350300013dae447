import { expect, test } from 'vitest';
import { kafkaTools } from './kafka-tools.ts';
import { wholeProgram } from './program.ts';

test.for(Object.entries(kafkaTools))("%s is a command's other name", async ([, words]) => {
  const program = await wholeProgram();
  let command = program;
  for (const word of words) {
    const inner = command.commands.find((each) => each.name() === word);
    expect(inner?.name(), `odradek ${words.join(' ')}`).toBe(word);
    if (inner !== undefined) command = inner;
  }
});
