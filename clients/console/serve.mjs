// Serves dist/ on the loopback interface: `npm run serve --workspace clients/console`, on the port in PORT or a free one.
import { createReadStream, existsSync, readdirSync } from 'node:fs';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { extname, join } from 'node:path';
import { argv } from 'node:process';
import { fileURLToPath } from 'node:url';

import { PAGE_HEADER, WORKER_HEADER } from './policy.mjs';

const DIST = fileURLToPath(new URL('dist', import.meta.url));
const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.txt': 'text/plain' };

/**
 * Serves the page; returns where it is, and what ends it.
 * @param {number} [port] a free one where it is left out
 */
export async function serve(port = 0) {
  if (!existsSync(join(DIST, 'index.html'))) throw new Error('The page is not built: run npm run build --workspace clients/console.');
  // Only what lies there by name, so that no path leads elsewhere.
  const files = new Set(readdirSync(DIST));
  const server = createServer(({ url, method }, response) => {
    const { pathname } = new URL(url, 'http://localhost');
    const name = pathname === '/' ? 'index.html' : pathname.slice(1);
    if (!files.has(name) || (method !== 'GET' && method !== 'HEAD')) {
      response.writeHead(404, { 'content-type': 'text/plain' }).end('There is no such file.\n');
      return;
    }
    response.writeHead(200, {
      'content-type': `${TYPES[extname(name)] ?? 'application/octet-stream'}; charset=utf-8`,
      'content-security-policy': name === 'light-client.js' ? WORKER_HEADER : PAGE_HEADER,
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cache-control': 'no-cache',
    });
    if (method === 'HEAD') response.end();
    else createReadStream(join(DIST, name)).pipe(response);
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return { url: `http://127.0.0.1:${server.address().port}/`, stop: () => server.close() };
}

if (argv[1] === fileURLToPath(import.meta.url)) {
  const { url } = await serve(Number(process.env.PORT ?? 0)).catch(({ message }) => {
    console.error(`console: ${message}${process.env.PORT ? `, with PORT=${process.env.PORT}` : ''}`);
    process.exit(1);
  });
  console.log(`console: ${url}`);
  console.log('console: Ctrl-C ends it');
}
