/** The process of a container: a node by what the container is told (README, "In a container"). */
import { enableCompileCache } from 'node:module';
import { hostname } from 'node:os';
import { fileURLToPath } from 'node:url';

// Filled when the image is built: its root may be read-only.
enableCompileCache(fileURLToPath(new URL('../../node_modules/.cache/compiled', import.meta.url)));
const [{ run }, { gather }] = await Promise.all([import('../run.ts'), import('./shell/gather.ts')]);

// `docker run IMAGE KAFKA_NODE_ID=2`: the images of Kafka and of Confluent take variables as arguments too.
const isVariable = (argument: string): boolean => /^[A-Z][A-Z0-9_]*=/.test(argument);
const variables = process.argv.slice(2).filter(isVariable).map(split);
const environment = { ...process.env, ...Object.fromEntries(variables) };
await run(
  process.argv.slice(2).filter((argument) => !isVariable(argument)),
  (givenFile, files) => gather({ environment, hostName: hostname(), givenFile }, files),
);

function split(argument: string): [string, string] {
  const equals = argument.indexOf('=');
  return [argument.slice(0, equals), argument.slice(equals + 1)];
}
