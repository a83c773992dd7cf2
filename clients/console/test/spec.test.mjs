import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { isReachable, specOf } from '../build/spec.js';
import { PlainError } from '../build/trouble.js';

const NODE = '/ip4/127.0.0.1/tcp/30334/ws/p2p/12D3KooWQCkBm1BYtkHpocxCwMgR8yjitEeHGx8spzcDLGt2gkBm';
const spec = (more = {}) => JSON.stringify({ name: 'Local', genesis: { raw: {} }, bootNodes: [NODE], ...more });
const refused = (text, nodes, what) => assert.throws(() => specOf(text, nodes), (error) =>
  error instanceof PlainError && what.test(error.message) && error.todo.length > 0);

describe('a specification', () => {
  it('is taken with its boot nodes, or with others', () => {
    assert.deepEqual(specOf(spec(), '').bootNodes, []);
    assert.deepEqual(specOf(spec({ bootNodes: [] }), `\n${NODE}\n`).bootNodes, [NODE]);
  });

  it('is refused in words where it is none', () => {
    refused('', '', /no specification/);
    for (const text of ['hello', '[]', '1', 'null']) refused(text, '', /not JSON/);
  });

  it('must be raw, since a light client has no runtime to build it with', () => {
    refused(spec({ genesis: { runtimeGenesis: {} } }), '', /raw form/);
  });

  it('needs a boot node that a browser reaches', () => {
    refused(spec({ bootNodes: [] }), '', /no boot nodes/);
    refused(spec({ bootNodes: [NODE.replace('/ws', '')] }), '', /reaches none/);
    refused(spec(), 'localhost:30334', /no address/);
    assert.deepEqual([NODE, NODE.replace('/ws', '/wss'), NODE.replace('/ws', '')].map(isReachable), [true, true, false]);
  });
});
