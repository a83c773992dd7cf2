import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

import { serve } from '../serve.mjs';

const dist = (name) => readFileSync(fileURLToPath(new URL(`../dist/${name}`, import.meta.url)), 'utf8');

describe('the page', () => {
  let server;

  before(async () => { server = await serve(); });
  after(() => server.stop());

  it('has a policy that lets in no script, style or picture of others', () => {
    const [, policy] = /Content-Security-Policy" content="([^"]+)"/.exec(dist('index.html'));
    assert.match(policy, /default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'/);
    assert.match(policy, /require-trusted-types-for 'script'/);
    assert.doesNotMatch(policy, /unsafe/);
  });

  it('names no asset elsewhere, and has neither scripts nor styles within', () => {
    const page = dist('index.html');
    for (const [, address] of page.matchAll(/(?:src|href)="([^"]*)"/g)) assert.match(address, /^(#[a-z]+|[a-z.-]+)$/);
    assert.doesNotMatch(page, /\son[a-z]+=|\sstyle=|<style|<script>/);
    assert.doesNotMatch(dist('style.css'), /url\(|@import/);
  });

  it('has a label for each field', () => {
    const page = dist('index.html');
    for (const [, id] of page.matchAll(/<(?:input|select|textarea) id="([^"]+)"/g)) assert(page.includes(`<label for="${id}"`), id);
  });

  it('is served with its policy, and nothing beside it', async () => {
    const page = await fetch(server.url);
    assert.match(page.headers.get('content-security-policy'), /frame-ancestors 'none'/);
    assert.equal(page.headers.get('x-content-type-options'), 'nosniff');
    for (const path of ['package.json', '../package.json', '%2e%2e/package.json', 'none.js']) {
      assert.equal((await fetch(new URL(path, server.url))).status, 404, path);
    }
  });

  it('has the light client in files of its own, which only those fetch who use it', () => {
    assert(dist('main.js').length < 700_000, `main.js has ${dist('main.js').length} bytes`);
    assert(dist('light-client.js').length > 1_000_000);
  });
});
