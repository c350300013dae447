/** What `produce` and `consume` take of the console tools of Kafka besides their own: client properties, and flags that change nothing here. */
import { Option, type Command } from 'commander';
import { collectEach } from '../core/options.ts';
import { mergedProperties, refuseSecured } from '../core/perf/properties.ts';
import { usageError } from '../core/refusal.ts';
import { note } from '../shell/terminal.ts';
import { readTextFile } from '../shell/text-file.ts';

export type ConsoleOptions = { commandProperty: string[]; commandConfig?: string };

/** @param side as the deprecated names of the options have it */
export function withClientProperties(command: Command, side: 'producer' | 'consumer'): Command {
  return command
    .option(
      `--${side}-property, --command-property <key=value>`,
      `a property of a ${side}; may be repeated`,
      collectEach,
      [],
    )
    .option(`--${side}.config, --command-config <file>`, 'the same from a properties file; what the line says wins');
}

/** Flags that Kafka's tool has and that change nothing here: a line that has them goes on working. @param flags as `--sync`, `--timeout <ms>` */
export function withIdleFlags(command: Command, flags: readonly string[]): Command {
  for (const each of flags) command.addOption(new Option(each, 'without effect here').hideHelp());
  return command;
}

/**
 * Properties become the options that say the same, unless those stand on the command line themselves.
 * @param table the option of each property that has an effect, as commander calls it
 */
export function applyProperties<O extends ConsoleOptions>(
  command: Command,
  options: O,
  table: Readonly<Record<string, keyof O & string>>,
): O {
  const { commandConfig: path, commandProperty } = options;
  const file = path === undefined ? undefined : { path, text: readTextFile('--command-config', path) };
  const properties = mergedProperties(file, commandProperty);
  refuseSecured(properties);
  const applied: Record<string, unknown> = { ...options };
  const unused: string[] = [];
  for (const [name, value] of properties) {
    const option = table[name];
    if (option === undefined) {
      if (!silent.has(name)) unused.push(name);
    } else if (command.getOptionValueSource(option) !== 'cli') applied[option] = value.trim();
  }
  if (unused.length > 0) note(`client properties without effect here: ${unused.join(', ')}`);
  return applied as O;
}

/** What is said to every client, and is true or means nothing here. */
const silent: ReadonlySet<string> = new Set([
  'client.id',
  'key.serializer',
  'value.serializer',
  'key.deserializer',
  'value.deserializer',
  'security.protocol',
]);

const plainClasses = /(^|\.)(String|ByteArray)(Des|S)erializer$|(^|\.)(LineMessageReader|DefaultMessageFormatter)$/;

/** Classes of Java are not loaded here; those that do what is done anyway may be named. */
export function refuseClasses(named: Readonly<Record<string, string | undefined>>): void {
  for (const [option, name] of Object.entries(named)) {
    if (name !== undefined && !plainClasses.test(name)) {
      throw usageError(
        `${option}: '${name}' is a Java class, and there is no Java here: leave it out; bytes stay as they are`,
      );
    }
  }
}

/** A properties file for a reader or formatter, below what the line says. */
export function withPropertyFile(
  option: string,
  path: string | undefined,
  given: ReadonlyMap<string, string>,
): Map<string, string> {
  if (path === undefined) return new Map(given);
  return new Map([...mergedProperties({ path, text: readTextFile(option, path) }, []), ...given]);
}
