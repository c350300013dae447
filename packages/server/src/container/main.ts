/** The process of a container: the node, with the defaults of an image. */
import { enableCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';

// Filled when the image is built: its root may be read-only.
enableCompileCache(fileURLToPath(new URL('../../node_modules/.cache/compiled', import.meta.url)));
const { run } = await import('../run.ts');
process.env['KAFKA_LOG_DIRS'] ??= '/var/lib/kafka/data';
process.env['KAFKA_LISTENERS'] ??= process.env['KAFKA_ADVERTISED_LISTENERS'] === undefined ? 'PLAINTEXT://:9092' : '';
process.env['KAFKA_ADVERTISED_LISTENERS'] ??= 'PLAINTEXT://localhost:9092';
process.env['KAFKA_ODRADEK_HTTP_HOST'] ??= '';
await run(process.argv.slice(2));
