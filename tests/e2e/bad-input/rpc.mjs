// JSON-RPC: what is asked for in the wrong way is refused by a number, a name where it is one of ours, and a line.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import { after, before, describe, it } from 'node:test';

import { WebSocket } from 'ws';

import { account } from '../../lib/accounts.mjs';
import { assertClear } from './run.mjs';

const MODEL = 'common-lingua';
const LANGUAGE_MODEL = 'smollm2';
const NO_HASH = `0x${'00'.repeat(32)}`;
const ALICE = account('//Alice').address;
// Subscriptions to jobs and results that a node has at a time.
const PLACES = 256;
const MAX_BODY = 15 * 1024 * 1024;
const INVALID_PARAMS = -32602;

const NUMBER = /expected the number of a job, from 0 to 2\^64 - 1: 7, "7" or "0x7"/;
const HASH = /expected a .*hex string or byte array containing 32 bytes/;
const ACCOUNT = /give an SS58 address, or 0x and the 64 hexadecimal digits of the account's key/;
const LIMIT = (most) => new RegExp(`'limit' can't be read: give a number from 1 to ${most} "?InvalidParameter`);

const job = (what, id, says = NUMBER) => [INVALID_PARAMS, `a job that is ${what}`, 'inference_getJob', [id], says];
/** Of `common-lingua`, or of `smollm2` where the format is the point. */
const quote = (code, what, rest, says, model = MODEL) => [code, `the price ${what}`, 'inference_quote', [{ model }, ...rest], says];

/** Each is [the code, what is wrong, the method, its parameters, what is said]. A `{ model }` is the id of one. */
const CALLS = [
  [-32601, 'a method that there is not', 'inference_nosuch', [], /Method not found/],
  job('no number', 'x'), job('negative', -1), job('a broken number', 1.5), job('nothing', null), job('a list', [0]), job('an object', {}),
  job('true', true), job('hex without a digit', '0x'), job('hex of other signs', '0xzz'), job('beyond 64 bits', '18446744073709551616'),
  job('beyond 64 bits in hex', '0x10000000000000000'), job('beyond what JSON counts exactly', 2 ** 64),
  [INVALID_PARAMS, 'no job', 'inference_getJob', [], /No more params/],
  [INVALID_PARAMS, 'a job at a hash that is too short', 'inference_getJob', [0, '0x12'], HASH],
  [INVALID_PARAMS, 'a job at a hash of odd digits', 'inference_getJob', [0, '0x123'], HASH],
  [INVALID_PARAMS, 'a job at a block’s number', 'inference_getJob', [0, 5], HASH],
  [10000, 'a job that there is not', 'inference_getJob', [2 ** 40], /there is no job 1099511627776 yet: look up the number in the event JobSubmitted .* or in 'sibyl-node jobs' .*UnknownJob/],
  [10000, 'the result of a job that there is not', 'inference_getResult', [2 ** 40], /there is no job 1099511627776 yet.*UnknownJob/],
  [10000, 'the receipt of a job that there is not', 'inference_getReceipt', [2 ** 40], /there is no job 1099511627776 yet.*UnknownJob/],
  [10010, 'a job at no block', 'inference_getJob', [0, NO_HASH], /this node has no block 0x0{64}: check the hash, or wait until the node has synced to it .*UnknownBlock/],
  [10010, 'a result at no block', 'inference_getResult', [0, NO_HASH], /this node has no block 0x0{64}: .*UnknownBlock/],
  [10010, 'the models at no block', 'inference_listModels', [null, null, NO_HASH], /this node has no block 0x0{64}: .*UnknownBlock/],
  [10010, 'a validator’s record at no block', 'inference_validator', [ALICE, NO_HASH], /this node has no block 0x0{64}: .*UnknownBlock/],
  [INVALID_PARAMS, 'a model that is a number', 'inference_getModel', [5], /invalid type: integer `5`, expected a string/],
  [10015, 'a model by half an id', 'inference_getModel', ['0x12'], /'model' can't be read: give a model's name, or its id: 0x and 64 hex digits .*InvalidParameter/],
  [10002, 'a model by a name that there is not', 'inference_getModel', ['nosuch'], /no model is called 'nosuch': inference_listModels lists those there are .*UnknownModel/],
  [10002, 'a model by an id that there is not', 'inference_getModel', [NO_HASH], /there is no model 0x0{64}: inference_listModels names those that there are .*UnknownModel/],
  [10015, 'no models', 'inference_listModels', [null, 0], LIMIT(32)],
  [10015, 'too many models', 'inference_listModels', [null, 33], LIMIT(32)],
  [INVALID_PARAMS, 'fewer models than none', 'inference_listModels', [null, -1], /invalid value: integer `-1`, expected u32/],
  [10015, 'too many jobs', 'inference_listJobs', [{}, null, 257], LIMIT(256)],
  [INVALID_PARAMS, 'jobs by what they have not', 'inference_listJobs', [{ colour: 1 }], /unknown field `colour`, expected one of `requester`, `model`, `open`/],
  [10015, 'the jobs of nobody', 'inference_listJobs', [{ requester: 'nobody' }], new RegExp(`'requester' can't be read: ${ACCOUNT.source}`)],
  [INVALID_PARAMS, 'jobs that are open in a word', 'inference_listJobs', [{ open: 'yes' }], /invalid type: string "yes", expected a boolean/],
  [INVALID_PARAMS, 'jobs before a word', 'inference_listJobs', [{}, 'x'], NUMBER],
  [10015, 'the record of no account', 'inference_validator', ['nobody'], new RegExp(`'account' can't be read: ${ACCOUNT.source}`)],
  [10015, 'the record of half a key', 'inference_validator', ['0x12'], new RegExp(`'account' can't be read: ${ACCOUNT.source}`)],
  [10026, 'a feed that there is not', 'inference_feed', [7], /there is no feed 7, or it has ended: inference_listFeeds names those that there are .*UnknownFeed/],
  [INVALID_PARAMS, 'a feed beyond 32 bits', 'inference_feed', [2 ** 32], /invalid value: integer `4294967296`, expected u32/],
  [10015, 'too many feeds', 'inference_listFeeds', [null, 65], LIMIT(64)],
  [INVALID_PARAMS, 'to drain in a word', 'inference_drain', ['yes'], /invalid type: string "yes", expected a boolean/],
  [10002, 'the price of an unknown model', 'inference_quote', [NO_HASH, 'all', 10, 0], /there is no model 0x0{64}: .*UnknownModel/],
  [10002, 'the price of a model by a name that there is not', 'inference_quote', ['nosuch', 'all', 10, 0], /no model is called 'nosuch': .*UnknownModel/],
  quote(10003, 'of no input', ['all', 0, 0], /an input needs at least one byte: give the number of its bytes .*InputEmpty/),
  quote(10004, 'of too long an input', ['all', 513, 0], /the model takes at most 512 bytes of input: shorten it .*InputTooLong/),
  quote(10005, 'of too long an output', ['all', 10, 1], /the model gives at most 0 units of output in this format: ask for no more, nor for more choices .*OutputTooLong/),
  quote(10006, 'of two seats', [{ fixed: 2 }, 10, 0], /'fixed' takes an odd number of seats from 1 to 15; "all" takes every validator that serves the model .*SeatsInvalid/),
  quote(10006, 'of seventeen seats', [{ fixed: 17 }, 10, 0], /'fixed' takes an odd number of seats from 1 to 15; "all" takes every validator that serves the model .*SeatsInvalid/),
  quote(10007, 'of more seats than there are validators', [{ fixed: 3 }, 10, 0], /only 1 validators serve the model: ask for fewer seats, or wait for more validators .*TooFewValidators/),
  quote(10012, 'of no text', ['all', 10, 0], /the model generates text: say how many units of output, at least 1 here, you want at most .*NoOutputUnits/, LANGUAGE_MODEL),
  quote(10016, 'of a choice of one text', ['all', 10, 0, { choice: ['yes'] }], /the format is none: 'choice' takes 2 to 32 different texts, .*FormatInvalid/, LANGUAGE_MODEL),
  quote(10016, 'of numbers in the wrong order', ['all', 10, 9, { number: { min: 5, max: 1, decimals: 0 } }], /the format is none: .* 'number' a min that is not above max and at most 9 decimals.*FormatInvalid/, LANGUAGE_MODEL),
  quote(10017, 'of a choice by a model that generates no text', ['all', 10, 0, { choice: ['yes', 'no'] }], /the model generates no text, so its answers have no format: leave it out .*FormatNotOfTask/),
  quote(INVALID_PARAMS, 'of some seats', ['some', 10, 0], /unknown variant `some`, expected `fixed` or `all`/),
  quote(INVALID_PARAMS, 'of fewer bytes than none', ['all', -1, 0], /invalid value: integer `-1`, expected u32/),
  quote(INVALID_PARAMS, 'of a format that there is not', ['all', 10, 0, { poem: 1 }], /unknown variant `poem`, expected one of `text`, `choice`, `number`, `json`, `regex`/),
  quote(INVALID_PARAMS, 'of numbers without an end', ['all', 10, 0, { number: { min: 1 } }], /missing field `max`/),
  quote(INVALID_PARAMS, 'of a pattern that is too long', ['all', 10, 0, { regex: 'x'.repeat(257) }], /text has more than 256 bytes/),
  [INVALID_PARAMS, 'an extrinsic that is no hex', 'author_submitExtrinsic', ['0xzz'], /invalid hex character: z, at 2/],
  [4003, 'a runtime API that there is not', 'state_call', ['Nosuch_api', '0x'], /Exported method Nosuch_api is not found/],
];

const request = (id, method = 'system_name') => ({ jsonrpc: '2.0', id, method });

/** Each is [the HTTP status, what is wrong, the request, what is said]. */
const bodies = (batch) => [
  [400, 'no body', { body: '' }, /-32700.*Parse error/],
  [200, 'half a body', { body: '{' }, /-32700.*Parse error/],
  [400, 'a body that is no UTF-8', { body: Buffer.from([0xff, 0xfe]) }, /-32700.*Parse error/],
  [200, 'a request of another version', { body: JSON.stringify({ ...request(1), jsonrpc: '1.0' }) }, /-32600.*Invalid request/],
  [200, 'a request without a method', { body: JSON.stringify({ ...request(1), method: undefined }) }, /-32600.*Invalid request/],
  [200, 'parameters that are a text', { body: JSON.stringify({ ...request(1, 'inference_getJob'), params: 'x' }) }, /-32602.*Expected one of '\[', '\]' or ','/],
  [200, 'an empty batch', { body: '[]' }, /-32600.*Invalid request/],
  [200, 'a batch of what are no requests', { body: '[1,2]' }, /^\[\{.*-32600.*\},\{.*-32600/],
  [200, 'a batch that is too long', { body: JSON.stringify(Array.from({ length: batch + 1 }, (_, id) => request(id))) }, new RegExp(`batch request was too large.*Exceeded max limit of ${batch}`)],
  [415, 'a body that is said to be text', { body: JSON.stringify(request(1)), headers: { 'content-type': 'text/plain' } }, /Content-Type: application\/json is required/],
  [405, 'a GET', { method: 'GET', body: undefined }, /Used HTTP Method is not allowed\. POST is required/],
];

/**
 * @param {import('../../lib/node.mjs').Node} node
 * @param {number} batch requests that a batch may have
 */
export function refusedRequests(node, batch) {
  describe('to JSON-RPC', () => {
    const ids = new Map();

    before(async () => {
      for (const { id, name } of await node.rpc('inference_listModels')) ids.set(name, id);
    });

    for (const [code, what, method, params, says] of CALLS) {
      it(`${what}: ${code}`, async () => {
        const given = params.map((param) => ids.get(param?.model) ?? param);
        await assert.rejects(node.rpc(method, ...given), (refused) => {
          assert.equal(refused.code, code, refused.message);
          assertClear(refused.message, says);
          return true;
        });
      });
    }

    for (const [status, what, options, says] of bodies(batch)) {
      it(`${what}: ${status}`, async () => {
        const usual = { method: 'POST', headers: { 'content-type': 'application/json' } };
        const response = await fetch(`http://${node.rpcAddress}`, { ...usual, ...options });
        assert.equal(response.status, status);
        assertClear((await response.text()).trim(), says);
      });
    }

    it('a body that is too large: 413', async () => {
      // Only announced: the node closes the connection as soon as it has refused it.
      const headers = { 'content-type': 'application/json', 'content-length': MAX_BODY + 1, expect: '100-continue' };
      const asked = http.request(`http://${node.rpcAddress}`, { method: 'POST', headers });
      asked.flushHeaders();
      const [response] = await once(asked, 'response');
      const text = (await response.setEncoding('utf8').toArray()).join('');
      asked.destroy();
      assert.equal(response.statusCode, 413);
      assertClear(text.trim(), /-32007.*Request is too big.*Exceeded max limit of 15728640/);
    });

    describe('one subscription more than there are places', () => {
      let socket;
      before(() => {
        socket = new WebSocket(`ws://${node.rpcAddress}`);
        return new Promise((resolve, reject) => { socket.on('open', resolve).on('error', reject); });
      });
      after(() => socket.close());

      it('is refused by number, name and a line, and those before it go on', async () => {
        const answers = new Map();
        const all = new Promise((resolve) => {
          socket.on('message', (text) => {
            const { id, result, error } = JSON.parse(text);
            if (id !== undefined) answers.set(id, { result, error });
            if (answers.size === PLACES + 1) resolve();
          });
        });
        for (let id = 0; id <= PLACES; id += 1) socket.send(JSON.stringify(request(id, 'inference_subscribeResults')));
        await all;
        const refused = [...answers.values()].filter(({ error }) => error !== undefined);
        assert.equal(refused.length, 1);
        const [{ error: { code, message, data } }] = refused;
        assert.equal(code, 10019);
        assertClear(`${message} ${data}`, /this node tells of 256 jobs already: end a subscription, or ask inference_getJob now and then TooManySubscriptions/);
      });
    });
  });
}
