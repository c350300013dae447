/**
 * A process of its own that serves the echo service and prints its port and identity as one line of JSON: to be killed or stopped. With
 * a target (JSON) it dials that first, and keeps the stream.
 */
import { echoClient, echoService, serveEcho, startEcho } from './echo.ts';
import type { Target } from '../ports.ts';

const [target] = process.argv.slice(2);
if (target !== undefined) {
  const dialled = await echoClient().dial(echoService, JSON.parse(target) as Target);
  if (!dialled.ok) throw new Error(dialled.ending.why);
  serveEcho(dialled.stream);
}
const { listening, self } = await startEcho();
process.stdout.write(`${JSON.stringify({ port: listening.port, self })}\n`);
process.stdin.resume().on('end', () => process.exit(0));
