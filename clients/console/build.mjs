// Makes the page: dist/ is all of it, to be served as it is by any web server.
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { build } from 'esbuild';

import { PAGE_POLICY } from './policy.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const DIST = here('dist');

// polkadot-api exports the worker again from a package that says it has no side effects, so a bundler drops it.
const worker = createRequire(createRequire(import.meta.url).resolve('polkadot-api')).resolve('@polkadot-api/smoldot/worker');

const common = { bundle: true, minify: true, platform: 'browser', target: 'es2022', legalComments: 'linked', logLevel: 'warning' };

rmSync(DIST, { recursive: true, force: true });
mkdirSync(DIST);
// Split, so that the light client is fetched by those alone who use it.
await build({ ...common, entryPoints: [here('src/main.ts')], outdir: DIST, format: 'esm', splitting: true, absWorkingDir: dirname(DIST) });
await build({ ...common, entryPoints: { 'light-client': worker }, outdir: DIST, format: 'iife', ignoreAnnotations: true });
cpSync(here('static'), DIST, { recursive: true });
const page = join(DIST, 'index.html');
writeFileSync(page, readFileSync(page, 'utf8').replace('%CSP%', PAGE_POLICY));
