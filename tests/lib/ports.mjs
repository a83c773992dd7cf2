import { createServer } from 'node:net';

// Below the range that operating systems take ports for outgoing connections from: no connection can take a node's port
// while the node is down.
const FIRST = 12_000;
const LAST = 31_999;

/**
 * Loopback ports that nobody listens on.
 * @param {number} count
 * @returns {Promise<number[]>}
 */
export async function freePorts(count) {
  const ports = [];
  while (ports.length < count) {
    const port = FIRST + Math.floor(Math.random() * (LAST - FIRST));
    if (!ports.includes(port) && await isFree(port)) ports.push(port);
  }
  return ports;
}

const isFree = (port) => new Promise((resolve) => {
  const server = createServer();
  server.once('error', () => resolve(false));
  server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
});
