/** A process of its own that serves the echo service and prints its port and identity as one line of JSON: to be killed or stopped. */
import { startEcho } from './echo.ts';

const { listening, self } = await startEcho();
process.stdout.write(`${JSON.stringify({ port: listening.port, self })}\n`);
process.stdin.resume().on('end', () => process.exit(0));
