// What the page may do: no script, style or picture but its own, and no text that becomes HTML or a script.
const PAGE = {
  'default-src': "'none'",
  'script-src': "'self'",
  'style-src': "'self'",
  'img-src': "'self'",
  'worker-src': "'self'",
  // Nodes, peers of the light client, and specifications by their address.
  'connect-src': "'self' ws: wss: https: http://127.0.0.1:* http://localhost:*",
  'base-uri': "'none'",
  'form-action': "'none'",
  'require-trusted-types-for': "'script'",
  'trusted-types': 'sibyl-light-client',
};

const written = (policy) => Object.entries(policy).map((directive) => directive.join(' ')).join('; ');

/** The page's Content-Security-Policy. */
export const PAGE_POLICY = written(PAGE);

/** The same as a header, which alone may say who frames the page. */
export const PAGE_HEADER = written({ ...PAGE, 'frame-ancestors': "'none'" });

/** That of the worker, which compiles the light client and reaches nothing: the page opens its connections. */
export const WORKER_HEADER = written({ 'default-src': "'none'", 'script-src': "'wasm-unsafe-eval'" });
