// A node that lies: a true one's JSON-RPC, with answers altered on their way.
import { once } from 'node:events';
import { WebSocket, WebSocketServer } from 'ws';

/**
 * Starts it; returns where it is, what breaks its connections, and what ends it.
 * @param {string} url of the true node
 * @param {(method: string, message: string) => string} alter what a message becomes: one that answers this method, or a
 * notification of it
 * @returns {Promise<{ url: string, drop: () => void, stop: () => void }>}
 */
export async function liar(url, alter) {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
  server.on('connection', (client) => relay(client, new WebSocket(url), alter));
  await once(server, 'listening');
  const drop = () => server.clients.forEach((client) => client.terminate());
  const stop = () => {
    drop();
    server.close();
  };
  return { url: `ws://127.0.0.1:${server.address().port}`, drop, stop };
}

function relay(client, node, alter) {
  const methods = new Map();
  const early = [];
  client.on('message', (data) => {
    const message = String(data);
    const { id, method } = JSON.parse(message);
    methods.set(id, method);
    if (node.readyState === WebSocket.OPEN) node.send(message);
    else early.push(message);
  });
  node.on('open', () => early.forEach((message) => node.send(message)));
  node.on('message', (data) => {
    const message = String(data);
    const { id, method = methods.get(id) } = JSON.parse(message);
    client.send(alter(method, message));
  });
  client.on('close', () => node.terminate());
  for (const end of [client, node]) end.on('error', () => client.terminate());
}
