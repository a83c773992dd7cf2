// The gateway: what it can't start with, and requests that it refuses as OpenAI's API does.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { Gateway, keysFile } from '../../lib/gateway.mjs';
import { MODEL } from '../../lib/inference.mjs';
import { assertClear } from './run.mjs';

const KEY = 'sk-web-0123456789abcdef';
const OTHER = 'sk-other-0123456789abcdef';
const RUN = ['gateway', '--suri', '//Ferdie', '--limit', '1', '--url', '{url}', '--listen', '127.0.0.1:{free}', '--state', '{home}/state.json'];
const NO_KEY = 'write \'KEY\', \'NAME KEY\' or \'NAME KEY LIMIT\', the limit in SIB';

const starting = (what, args, says, files) => ({ what: `a gateway with ${what}`, run: [...RUN, ...args], says, files });
const keys = (what, content, reason) => starting(`a file of keys ${what}`, ['--keys', '{dir}/keys'],
  new RegExp(`line \\d of .*/keys is no API key \\(${reason.source}\\): ${NO_KEY}$`), { keys: content });

export const GATEWAY = [
  keys('of which one is too short', 'web short\n', /a key has 20 to 512 characters: .*/),
  keys('of which one has too many words', `a ${KEY} 1 more\n`, /there are more than three words/),
  keys('with a limit in words', `web ${KEY} dear\n`, /expected an amount in SIB, as 1 or 0\.25/),
  keys('with one name twice', `web ${KEY}\nweb ${OTHER}\n`, /there is another one named 'web'/),
  keys('with one key twice', `web ${KEY}\nother ${KEY}\n`, /the same key stands above/),
  keys('with half a hash', 'web sha256:12\n', /a hash has 64 hexadecimal digits/),
  starting('a file of no keys', ['--keys', '{dir}/keys'], /keys holds no API key: write one a line, as 'NAME KEY' or 'NAME KEY LIMIT'$/, { keys: '# none\n' }),
  starting('a file of keys that is not there', ['--keys', '{dir}/nowhere'], /can't read the API keys in .*\/nowhere \(No such file .*\): name a file that can be read with --keys$/),
  starting('a console that is not there', ['--console', '{dir}/nowhere'], /can't read the console in .*\/nowhere \(No such file .*\): name the folder that 'npm run build --workspace clients\/console' makes$/),
  starting('a console without a page', ['--console', '{dir}'], /holds no index\.html: name the folder that 'npm run build --workspace clients\/console' makes$/, { 'other.html': '' }),
  { what: 'a gateway with a state file that holds something else', makes: /^state\.json\.lock$/, run: [...RUN.slice(0, -1), '{dir}/state.json'], files: { 'state.json': 'mine' }, says: /state\.json does not hold what this gateway has spent \(.+\): name another file with --state, or put the right one back$/ },
  { what: 'a gateway with a state file that is a folder', run: [...RUN.slice(0, -1), '{dir}'], says: /can't keep what is spent in .* \(Is a directory .*\): name a file that can be written with --state$/ },
  { what: 'a gateway at a port that is in use', run: RUN.map((word) => (word === '127.0.0.1:{free}' ? '127.0.0.1:{rpc}' : word)), says: /can't listen on 127\.0\.0\.1:\d+ \(Address already in use .*\): stop the program that uses it, or choose another with --listen$/ },
];

const CHAT = '/v1/chat/completions';
const JSON_TYPE = { 'content-type': 'application/json' };
const said = [{ role: 'user', content: 'Wo ist der Bahnhof?' }];
const chat = (more) => ({ method: 'POST', headers: JSON_TYPE, body: typeof more === 'string' ? more : JSON.stringify({ model: MODEL, messages: said, ...more }) });

/** Each is [the status, the error's code, the parameter that it names, what is wrong, the path, the request, what is said]. */
const REQUESTS = [
  [401, 'invalid_api_key', null, 'no key', '/v1/models', { key: undefined }, /An API key is needed: send it as 'Authorization: Bearer KEY'/],
  [401, 'invalid_api_key', null, 'a key that there is not', '/v1/models', { key: 'sk-wrong' }, /Incorrect API key provided: ask the gateway's operator for one/],
  [404, 'unknown_url', null, 'a path that there is not', '/v1/images', {}, /There is nothing here: the API is at \/v1\/models, \/v1\/chat\/completions and \/v1\/embeddings/],
  [404, 'unknown_url', null, 'a chat without /v1', '/chat/completions', chat({}), /There is nothing here: the API is at \/v1\/models, \/v1\/chat\/completions/],
  [405, 'method_not_allowed', null, 'another method', CHAT, {}, /This takes POST alone/],
  [415, 'unsupported_media_type', null, 'a body that is said to be text', CHAT, { ...chat({}), headers: { 'content-type': 'text/plain' } }, /The body is to be JSON: send 'Content-Type: application\/json'/],
  [413, 'request_too_large', null, 'a body that is too large', CHAT, chat(' '.repeat(2 ** 20 + 1)), /The body has more than 1048576 bytes/],
  [400, 'invalid_json', null, 'half a body', CHAT, chat('{"model":'), /The body can't be read as a JSON object: EOF/],
  [400, 'invalid_json', null, 'a body that is a list', CHAT, chat('[]'), /The body can't be read as a JSON object: /],
  [400, 'missing_required_parameter', 'model', 'no model', CHAT, chat({ model: undefined }), /'model' is missing: it is to be /],
  [400, 'missing_required_parameter', 'messages', 'no messages', CHAT, chat({ messages: undefined }), /'messages' is missing: it is to be /],
  [400, 'invalid_value', 'messages', 'an empty list of messages', CHAT, chat({ messages: [] }), /'messages' is to have one message at least/],
  [400, 'invalid_value', 'messages', 'messages that are a text', CHAT, chat({ messages: 'hi' }), /'messages' is to be .*: invalid type: string/],
  [400, 'invalid_value', 'messages[0].content', 'a message of no text', CHAT, chat({ messages: [{ role: 'user', content: '' }] }), /A message is to have some text/],
  [400, 'invalid_value', 'model', 'a model that is a number', CHAT, chat({ model: 5 }), /'model' is to be .*: invalid type: integer `5`/],
  [404, 'model_not_found', 'model', 'a model that there is not', CHAT, chat({ model: 'gpt-5' }), /The model 'gpt-5' does not exist: the network has common-lingua/],
  [400, 'invalid_value', 'seats', 'an even number of seats', CHAT, chat({ seats: 2 }), /'seats' is to be an odd number of validators from 1 to 15, or "all"/],
  [400, 'invalid_value', 'temperature', 'a temperature above two', CHAT, chat({ temperature: 3 }), /'temperature' is to be a number from 0 to 2/],
  [400, 'invalid_value', 'temperature', 'a temperature in words', CHAT, chat({ temperature: 'hot' }), /'temperature' is to be /],
  [400, 'invalid_value', 'top_p', 'a share of nothing', CHAT, chat({ top_p: 0 }), /'top_p' is to be a number above 0, up to 1/],
  [400, 'invalid_value', 'seed', 'a seed with a point', CHAT, chat({ seed: 1.5 }), /'seed' is to be a whole number of 64 bits/],
  [400, 'unsupported_parameter', 'colour', 'a parameter that there is not', CHAT, chat({ colour: 'red' }), /'colour' is not supported: leave it out/],
  [400, 'unsupported_parameter', 'n', 'two answers', CHAT, chat({ n: 2 }), /'n' is not supported: \S+/],
  [404, 'job_not_found', null, 'the receipt of no number', '/v1/sibyl/receipts/x', {}, /The chain has no such job, or keeps it no longer/],
  [404, 'job_not_found', null, 'the receipt of a job that there is not', '/v1/sibyl/receipts/999999', {}, /The chain has no such job, or keeps it no longer/],
];

/** @param {import('../../lib/node.mjs').Node} node */
export function gatewayRefusals(node) {
  describe('to a gateway', () => {
    let gateway;
    before(async () => {
      gateway = await new Gateway('bad-input-gateway', node, '--suri', '//Ferdie', '--limit', '1', '--keys', keysFile('bad-input-keys', `web ${KEY}`)).start();
    });
    after(() => gateway?.stop());

    for (const [status, code, param, what, path, options, says] of REQUESTS) {
      it(`${what}: ${status}, ${code}`, async () => {
        const response = await gateway.fetch(path, { key: KEY, ...options });
        const text = await response.text();
        assert.equal(response.status, status, text);
        const { error } = JSON.parse(text);
        assertClear(error.message, says);
        assert.equal(error.code, code, text);
        assert.equal(error.param ?? null, param, text);
      });
    }

    it('and none of them has cost anything', () => {
      const { spent, held } = gateway.spending();
      assert.deepEqual([spent, held], [{}, {}]);
    });
  });
}
