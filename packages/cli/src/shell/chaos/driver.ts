/** How faults reach nodes. What a driver cannot do is known before anything is done. */
import { fill, flagOf, type Target } from '../../core/chaos/commands.ts';
import type { Action } from '../../core/chaos/scenarios.ts';
import { CommandError } from '../../core/refusal.ts';
import { runShell } from './run-command.ts';

export type Driver = {
  /** For the report: `processes`, `compose`, `commands`. */
  readonly name: string;
  readonly can: (action: Action) => boolean;
  /** Returns when it is done. @throws when it could not be */
  readonly act: (action: Action, target: Target) => Promise<void>;
};

/** Work by action. */
export type Table = Readonly<Partial<Record<Action, (target: Target) => void | Promise<void>>>>;

export function driverOf(name: string, table: Table): Driver {
  return {
    name,
    can: (action) => table[action] !== undefined,
    act: async (action, target) => {
      const work = table[action];
      if (work === undefined) throw new CommandError(`${name} cannot ${action} a node: give ${flagOf(action)}`);
      await work(target);
    },
  };
}

/** Nothing but the commands that the user gives. */
export const noDriver: Driver = driverOf('commands', {});

/** Commands of the user come first, the driver does the rest. */
export function withCommands(driver: Driver, templates: ReadonlyMap<Action, string>): Driver {
  return {
    name: templates.size === 0 || driver === noDriver ? driver.name : `${driver.name} and commands`,
    can: (action) => templates.has(action) || driver.can(action),
    act: async (action, target) => {
      const template = templates.get(action);
      if (template === undefined) return driver.act(action, target);
      const command = fill(template, target);
      const { code, output } = await runShell(command);
      if (code === 0) return;
      const said = output.trim() === '' ? '' : `: ${output.trim().split('\n').slice(-3).join(' ')}`;
      throw new CommandError(`${flagOf(action)}: \`${command}\` ended with ${code ?? 'a signal'}${said}`);
    },
  };
}
