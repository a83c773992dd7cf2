import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import OpenAI from 'openai';

import { PAGE_HEADER, WORKER_HEADER } from '../../clients/console/policy.mjs';
import { sibyl } from '../lib/binary.mjs';
import { Gateway, hasPython, keysFile } from '../lib/gateway.mjs';
import { MODEL, waitUntilServedBy } from '../lib/inference.mjs';
import { MODELS_PATH, whyUnserved } from '../lib/models.mjs';
import { Network, VALIDATORS } from '../lib/network.mjs';
import { devNode } from '../lib/node.mjs';
import { freePorts } from '../lib/ports.mjs';
import { scratch } from '../lib/scratch.mjs';
import { MINUTES } from '../lib/wait.mjs';

const GERMAN = 'Wo ist hier bitte der nächste Bahnhof?';
const MESSAGES = [{ role: 'user', content: GERMAN }];
const WEB = 'sk-web-0123456789abcdef';
const POOR = 'sk-poor-0123456789abcdef';
const PAGE = 'https://page.example';
const AT_ONCE = 30;
const PYTHON = { skip: hasPython ? false : 'there is no openai for Python: scripts/setup.sh --tests installs it' };
const CONSOLE = new URL('../../clients/console/dist', import.meta.url).pathname;
const SIB = 10 ** 12;

const json = { 'content-type': 'application/json' };
const chat = (client, more = {}) => client.chat.completions.create({ model: MODEL, messages: MESSAGES, ...more });

/** What a status sent to the gateway by its name and code is, in the classes of OpenAI's package. */
const isOf = (type, code, param) => (error) => {
  assert(error instanceof type, `${error}`);
  assert.equal(error.code, code);
  if (param !== undefined) assert.equal(error.param, param);
  return true;
};

describe('the gateway', () => {
  const network = new Network();
  /** @type {Gateway} */
  let gateway;
  /** @type {OpenAI} */
  let client;
  let metrics;

  before(async () => {
    await network.start();
    await waitUntilServedBy(await network.client(), VALIDATORS);
    const keys = keysFile('keys', `web ${WEB}`, `poor ${POOR} 0.0001`);
    metrics = `127.0.0.1:${(await freePorts(1))[0]}`;
    const more = ['--metrics', metrics, '--cors-origin', PAGE];
    gateway = await new Gateway('gateway', network.node('dave'), '--suri', '//Ferdie', '--limit', '2', '--keys', keys, '--console', CONSOLE, ...more).start();
    client = gateway.client(WEB);
  });
  after(async () => {
    await gateway?.stop('SIGKILL');
    await network.stop();
  });

  describe('asked with OpenAI’s package of npm', () => {
    it('lists the models of the chain', async () => {
      const { data } = await client.models.list();
      assert.deepEqual(data.map(({ id }) => id).sort(), ['common-lingua', 'minilm', 'smollm2']);
      const one = await client.models.retrieve(MODEL);
      assert.equal(one.sibyl.task, 'classify');
      assert.equal(one.sibyl.served_by, VALIDATORS.length);
    });

    it('answers, and says which block has the answer, who agreed and what it cost', async () => {
      const { data, response } = await chat(client, { seats: 3, user: 'ada', store: false }).withResponse();
      const [{ message, finish_reason: finish }] = data.choices;
      assert.deepEqual([message.content, finish], ['deu', 'stop']);
      const { job, fingerprint, block, seats, price, output_hash: outputHash } = data.sibyl;
      const result = await network.node('alice').rpc('inference_getResult', job);
      assert.equal(result.answer.classification.label, 'deu');
      assert.deepEqual(block, { number: result.agreedAt, hash: result.blockHash, final: true });
      assert.equal(outputHash, result.outputHash);
      assert.deepEqual([seats.agreed, seats.of], [3, 3]);
      const view = await network.node('alice').rpc('inference_getJob', job);
      assert.equal(view.fingerprint, fingerprint);
      const paid = BigInt(view.settlement.paid) + BigInt(view.settlement.authorShare) + BigInt(view.settlement.protocolShare);
      assert.equal(Math.round(Number(price.paid) * SIB), Number(paid));
      assert.equal(response.headers.get('x-sibyl-job'), `${job}`);
      assert.equal(response.headers.get('x-sibyl-block'), block.hash);
      assert.match(data._request_id, /^req_/);
      assert.equal(data.usage.prompt_tokens, Buffer.byteLength(GERMAN));
    });

    it('streams what the committee does, and then the text', async () => {
      const stream = await chat(client, { stream: true, stream_options: { include_usage: true } });
      const chunks = [];
      for await (const chunk of stream) chunks.push(chunk);
      const phases = chunks.map(({ sibyl: told }) => told?.phase).filter(Boolean);
      assert.equal(phases[0], 'submitted');
      assert(phases.includes('committing') && phases.at(-1) === 'ended', phases.join());
      const texts = chunks.flatMap(({ choices }) => choices.map(({ delta }) => delta.content)).filter(Boolean);
      assert.deepEqual(texts, ['deu']);
      const [last, used] = chunks.slice(-2);
      assert.equal(last.choices[0].finish_reason, 'stop');
      assert.equal(last.sibyl.seats.agreed, VALIDATORS.length);
      assert.deepEqual([used.choices.length, used.usage.prompt_tokens], [0, Buffer.byteLength(GERMAN)]);
      assert.equal(new Set(chunks.map(({ id }) => id)).size, 1);
    });

    it('is read by the package’s own reader of streams', async () => {
      const stream = client.chat.completions.stream({ model: MODEL, messages: MESSAGES });
      const { choices: [{ message }] } = await stream.finalChatCompletion();
      assert.equal(message.content, 'deu');
    });

    it('tells the probabilities of labels', async () => {
      const { choices: [{ logprobs }] } = await chat(client, { logprobs: true, top_logprobs: 3 });
      const [{ token, logprob, top_logprobs: top }] = logprobs.content;
      assert.equal(token, 'deu');
      assert(logprob > Math.log(0.9) && logprob <= 0);
      assert.equal(top.length, 3);
    });

    it(`answers ${AT_ONCE} requests at once, each by a job of its own`, async () => {
      const all = await Promise.all(Array.from({ length: AT_ONCE }, () => chat(client)));
      assert.equal(new Set(all.map(({ sibyl: { fingerprint } }) => fingerprint)).size, AT_ONCE);
      assert(all.every(({ choices: [{ message }] }) => message.content === 'deu'));
    });
  });

  describe('asked with OpenAI’s package of PyPI', PYTHON, () => {
    it('lists, answers and streams', async () => {
      assert((await gateway.python(WEB, 'models')).includes(MODEL));
      const answer = await gateway.python(WEB, 'chat');
      assert.deepEqual([answer.content, answer.finish, answer.job], ['deu', 'stop', `${answer.sibyl.job}`]);
      assert.equal(answer.sibyl.seats.of, 3);
      const stream = await gateway.python(WEB, 'stream');
      assert.deepEqual([stream.text, stream.finish, stream.usage], ['deu', 'stop', Buffer.byteLength(GERMAN)]);
      assert.deepEqual([stream.phases[0], stream.phases.at(-1)], ['submitted', 'ended']);
    });

    it('raises the package’s own errors', async () => {
      assert.deepEqual(await gateway.python(WEB, 'errors'), {
        model: { type: 'NotFoundError', code: 'model_not_found', param: 'model' },
        tools: { type: 'BadRequestError', code: 'unsupported_parameter', param: 'tools' },
      });
    });
  });

  describe('refusals', () => {
    it('lets in nobody without a key', async () => {
      await assert.rejects(chat(gateway.client('sk-wrong')), isOf(OpenAI.AuthenticationError, 'invalid_api_key'));
      for (const path of ['/v1/models', '/v1/sibyl/spending', '/v1/sibyl/receipts/0']) {
        assert.equal((await gateway.fetch(path)).status, 401, path);
      }
    });

    it('names what is not served, and leaves nothing out', async () => {
      const refused = (more, type, code, param) => assert.rejects(chat(client, more), isOf(type, code, param));
      const { BadRequestError, NotFoundError } = OpenAI;
      await refused({ model: 'gpt-4o' }, NotFoundError, 'model_not_found', 'model');
      await refused({ n: 2 }, BadRequestError, 'unsupported_parameter', 'n');
      await refused({ tools: [{ type: 'function', function: { name: 'f' } }] }, BadRequestError, 'unsupported_parameter', 'tools');
      await refused({ response_format: { type: 'json_object' } }, BadRequestError, 'unsupported_parameter', 'response_format');
      await refused({ seats: 2 }, BadRequestError, 'invalid_value', 'seats');
      await refused({ seats: 15 }, BadRequestError, 'invalid_value', 'seats');
      await refused({ stop: 'x' }, BadRequestError, 'invalid_value', 'response_format');
      await refused({ messages: [{ role: 'user', content: 'a'.repeat(600) }] }, BadRequestError, 'context_length_exceeded', 'messages');
      await refused({ messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'x' } }] }] }, BadRequestError,
        'unsupported_parameter', 'messages[0].content[0].type');
      await assert.rejects(client.embeddings.create({ model: MODEL, input: 'a' }), isOf(BadRequestError, 'invalid_value', 'model'));
    });

    it('takes no other bodies, methods and paths', async () => {
      const status = async (path, options) => (await gateway.fetch(path, { key: WEB, ...options })).status;
      assert.equal(await status('/v1/chat/completions', { method: 'POST', body: '{}' }), 415);
      assert.equal(await status('/v1/chat/completions', { method: 'POST', headers: json, body: '{' }), 400);
      assert.equal(await status('/v1/chat/completions', { method: 'POST', headers: json, body: ' '.repeat(2 ** 20 + 1) }), 413);
      assert.equal(await status('/v1/chat/completions'), 405);
      assert.equal(await status('/v1/images/generations', { method: 'GET' }), 404);
      assert.equal(await status('/v1/sibyl/receipts/999999'), 404);
      assert.equal(await status('/v1/sibyl/receipts/x'), 404);
    });

    it('spends no more than a key may, and is not asked again for it', async () => {
      const poor = gateway.client(POOR, { maxRetries: 2 });
      await assert.rejects(chat(poor), isOf(OpenAI.RateLimitError, 'insufficient_quota'));
      const spending = await (await gateway.fetch('/v1/sibyl/spending', { key: POOR })).json();
      assert.deepEqual([spending.key, spending.spent, spending.held, spending.limit], ['poor', '0', '0', '0.0001']);
    });
  });

  it('gives a receipt, which shows the answer to who trusts nobody', async () => {
    const { sibyl: told, choices: [{ message }] } = await chat(client);
    const file = join(scratch('receipts'), 'gateway.json');
    await writeFile(file, await (await gateway.fetch(told.receipt, { key: WEB })).text());
    const { code, stdout, stderr } = await sibyl('verify', file, '--chain', 'local');
    assert.equal(code, 0, stderr);
    assert.match(stdout, new RegExp(`^job +${told.job} of [^]*^answer +${message.content} [^]*^run here +the same`, 'm'));
  });

  it('serves the console with its policies, and no other file', async () => {
    const page = await gateway.fetch('/');
    assert.equal(page.status, 200);
    assert.match(await page.text(), /<title>Sibyl console/);
    assert.equal(page.headers.get('content-security-policy'), PAGE_HEADER);
    assert.equal((await gateway.fetch('/light-client.js')).headers.get('content-security-policy'), WORKER_HEADER);
    // As it is, since fetch resolves the dots itself.
    const raw = (path) => new Promise((resolve, reject) => {
      request(gateway.url, { path }, (response) => { response.resume(); resolve(response.statusCode); }).on('error', reject).end();
    });
    for (const path of ['/../package.json', '/%2e%2e/package.json', '//etc/passwd', '/..%2fserve.mjs']) {
      assert.equal(await raw(path), 404, path);
    }
  });

  it('logs who asked, what and what it cost, and never what was said', async () => {
    const log = gateway.log();
    // The package, which would have tried three times, was told not to.
    assert.equal(log.match(/chat 429 in \d+ ms, key poor, model common-lingua, insufficient_quota/g).length, 1);
    assert.match(log, /req_\w+ chat 200 in \d+ ms, key web, model common-lingua, job \d+, 0\.\d+ SIB/);
    assert.match(log, /chat 401 in \d+ ms, invalid_api_key/);
    assert(!log.includes('Bahnhof') && !log.includes(WEB));
  });

  it('has counted what its jobs cost, to the last unit', async () => {
    const { spent, held } = gateway.spending();
    assert.deepEqual(Object.keys(held), []);
    const api = await network.api();
    const page = await network.node('alice').rpc('inference_listJobs', {}, null, 256);
    const jobs = await Promise.all(page.jobs.map(({ id }) => network.node('alice').rpc('inference_getJob', id)));
    const paid = jobs.reduce((sum, { settlement }) => sum + BigInt(settlement.paid) + BigInt(settlement.authorShare) + BigInt(settlement.protocolShare), 0n);
    assert(BigInt(spent.web) > paid, 'the transactions’ fees are counted, too');
    const { data: { free, reserved } } = await api.query.system.account(jobs[0].requester);
    const { data: before } = await (await api.at(await api.rpc.chain.getBlockHash(0))).query.system.account(jobs[0].requester);
    assert.equal(before.free.toBigInt() - free.toBigInt() - reserved.toBigInt(), BigInt(spent.web));
  });

  it('tells Prometheus what was asked, what became of it and what is left, and nobody else', async () => {
    const text = await (await fetch(`http://${metrics}/metrics`)).text();
    const value = (name) => Number(text.match(new RegExp(`^sibyl_gateway_${name} (\\S+)$`, 'm'))?.[1]);
    assert(value('requests_total\\{endpoint="chat",status="200"\\}') > AT_ONCE, text);
    assert(value('requests_total\\{endpoint="chat",status="401"\\}') > 0);
    const [asked, settled, lost] = ['asked', 'settled', 'lost'].map((outcome) => value(`jobs_total\\{outcome="${outcome}"\\}`));
    assert(settled > AT_ONCE && asked >= settled && lost === 0, text);
    assert(value('request_seconds_count\\{endpoint="chat"\\}') > AT_ONCE);
    const [spent, held, left] = ['spent_sib', 'held_sib', 'limit_left_sib'].map(value);
    const known = Object.values(gateway.spending().spent).reduce((sum, amount) => sum + Number(amount), 0) / SIB;
    assert(spent > 0 && Math.abs(spent - known) < 1e-9 && Math.abs(spent + held + left - 2) < 1e-9, text);
    assert.equal((await gateway.fetch('/metrics', { key: WEB })).status, 404);
    assert.equal((await fetch(`http://${metrics}/v1/models`)).status, 404);
  });

  it('lets pages of the sites that its operator names ask from a browser, and no others', async () => {
    const ask = (method, path, headers) => new Promise((resolve, reject) => {
      const sent = request(gateway.url + path, { method, headers }, (response) => {
        response.resume();
        resolve([response.statusCode, response.headers['access-control-allow-origin']]);
      });
      sent.on('error', reject).end();
    });
    const before = { 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization, content-type' };
    const evil = 'https://evil.example';
    assert.deepEqual(await ask('OPTIONS', '/v1/chat/completions', { ...before, origin: PAGE }), [204, PAGE]);
    assert.deepEqual(await ask('OPTIONS', '/v1/chat/completions', { ...before, origin: evil }), [405, undefined]);
    const authorization = `Bearer ${WEB}`;
    assert.deepEqual(await ask('GET', '/v1/models', { authorization, origin: PAGE }), [200, PAGE]);
    assert.deepEqual(await ask('GET', '/v1/models', { authorization, origin: evil }), [200, undefined]);
    assert.deepEqual(await ask('GET', '/v1/models', { origin: PAGE }), [401, PAGE], 'a page reads why');
  });

  it('says that its node is away, and goes on when it is back', async () => {
    const node = network.node('dave');
    await node.stop();
    await assert.rejects(chat(client), isOf(OpenAI.InternalServerError, 'node_unavailable'));
    const response = await gateway.fetch('/v1/models', { key: WEB });
    assert.deepEqual([response.status, response.headers.get('retry-after')], [503, '5']);
    assert.equal((await gateway.fetch('/health')).status, 503);
    await node.start();
    await waitUntilServedBy(await network.client(), VALIDATORS);
    // The package's own patience is enough.
    const { choices: [{ message }] } = await chat(gateway.client(WEB, { maxRetries: 10 }));
    assert.equal(message.content, 'deu');
  });

  it('ends when it is told to, after what it was asked before', async () => {
    const stream = await chat(client, { stream: true });
    const stopped = gateway.stop();
    let text = '';
    for await (const { choices: [{ delta }] } of stream) text += delta.content ?? '';
    assert.equal(text, 'deu');
    assert.equal(await stopped, 0);
    await assert.rejects(chat(client), OpenAI.APIConnectionError);
    await gateway.start();
  });

  it('forgets no spending when it is killed, and settles what was open', async () => {
    const before = BigInt(gateway.spending().spent.web);
    const stream = await chat(client, { stream: true });
    await gateway.stop('SIGKILL');
    stream.controller.abort();
    assert.equal(Object.keys(gateway.spending().held).length, 1);
    await gateway.start();
    assert.match(gateway.log(), /was left open: going on with it/);
    await assert.doesNotReject(chat(gateway.client(WEB)));
    const deadline = Date.now() + 2 * MINUTES;
    while (Object.keys(gateway.spending().held).length > 0) {
      assert(Date.now() < deadline, 'the job of before is not settled');
      await new Promise((resolve) => { setTimeout(resolve, 500); });
    }
    assert(BigInt(gateway.spending().spent.web) > before);
  });

  it('takes as many jobs at a time as it may', async () => {
    const small = await new Gateway('small', network.node('alice'), '--suri', '//Eve', '--limit', '1', '--max-jobs', '1').start();
    try {
      const open = await chat(small.client(), { stream: true });
      await assert.rejects(chat(small.client()), isOf(OpenAI.RateLimitError, 'rate_limit_exceeded'));
      const { status, headers } = await small.fetch('/v1/chat/completions', {
        method: 'POST', headers: json, body: JSON.stringify({ model: MODEL, messages: MESSAGES }),
      });
      assert.deepEqual([status, headers.get('retry-after')], [429, '5']);
      for await (const chunk of open) assert.equal(chunk.error, undefined);
      assert.equal((await chat(small.client())).choices[0].message.content, 'deu');
    } finally {
      await small.stop('SIGKILL');
    }
  });

  it('lets in no page of another site where it needs no keys, and keeps to its limit', async () => {
    const open = await new Gateway('open', network.node('alice'), '--suri', '//Eve', '--limit', '0.0001').start();
    try {
      const body = JSON.stringify({ model: MODEL, messages: MESSAGES });
      const post = (headers) => new Promise((resolve, reject) => {
        const sent = request(`${open.url}/v1/chat/completions`, { method: 'POST', headers: { ...json, ...headers } }, (response) => {
          let text = '';
          response.on('data', (part) => { text += part; }).on('end', () => resolve(JSON.parse(text).error.code));
        });
        sent.on('error', reject).end(body);
      });
      assert.equal(await post({ host: 'evil.example' }), 'host_not_allowed');
      assert.equal(await post({ origin: 'http://evil.example' }), 'origin_not_allowed');
      for (const name of ['forwarded', 'x-forwarded-for', 'x-real-ip', 'via']) {
        assert.equal(await post({ [name]: '203.0.113.9' }), 'proxy_not_allowed', name);
      }
      assert.equal(await post({ 'content-type': 'text/plain' }), 'unsupported_media_type');
      assert.equal(await post({}), 'insufficient_quota');
    } finally {
      await open.stop('SIGKILL');
    }
  });
});

describe('the gateway’s command line', () => {
  const gateway = (...args) => sibyl('gateway', '--suri', '//Alice', '--url', 'ws://127.0.0.1:1', ...args);

  it('says in one line what is missing or wrong', async () => {
    const cases = [
      [['--limit', '1'], /no node answers at ws:\/\/127\.0\.0\.1:1/],
      [['--limit', '1', '--listen', '0.0.0.0:8080'], /could spend your tokens: give API keys with --keys/],
      [['--limit', '1', '--keys', '/nowhere'], /can't read the API keys in \/nowhere/],
      [['--limit', '1', '--keys', keysFile('short', 'web abc')], /line 1 of .* is no API key .*characters/],
      [['--limit', '1', '--console', '/'], /holds no index\.html/],
      [[], /--limit <SIB>/],
      [['--limit', 'much'], /expected an amount in SIB/],
      [['--limit', '1', '--seats', '2'], /odd number/],
    ];
    for (const [args, said] of cases) {
      const { code, stderr } = await gateway(...args);
      assert.notEqual(code, 0, args.join(' '));
      assert.match(stderr, said);
    }
  });
});

const GENERATES = { skip: whyUnserved('smollm2') || whyUnserved('minilm') };

// One seat is enough to read what a model says.
describe('the gateway with models that generate and embed', GENERATES, () => {
  const node = devNode('--models-path', MODELS_PATH);
  /** @type {Gateway} */
  let gateway;
  /** @type {OpenAI} */
  let client;

  before(async () => {
    await node.start();
    const sibyl = await node.client();
    // A machine with much to do measures the models more than once.
    for (const model of ['smollm2', 'minilm']) await waitUntilServedBy(sibyl, ['alice'], model, 10 * MINUTES);
    gateway = await new Gateway('models', node, '--suri', '//Ferdie', '--limit', '5').start();
    client = gateway.client();
  });
  after(async () => {
    await gateway?.stop('SIGKILL');
    await node.stop();
  });

  const say = (content, more) =>
    client.chat.completions.create({ model: 'smollm2', messages: [{ role: 'user', content }], max_tokens: 32, ...more });

  it('goes on with a conversation, the same each time', async () => {
    const messages = [
      { role: 'system', content: 'Answer in one sentence.' },
      { role: 'user', content: [{ type: 'text', text: 'What is the capital of France?' }] },
    ];
    const [one, other] = await Promise.all([1, 2].map(() => say('', { messages })));
    assert.match(one.choices[0].message.content, /Paris/);
    assert.equal(one.choices[0].message.content, other.choices[0].message.content);
    assert(one.usage.completion_tokens > 0 && one.usage.completion_tokens <= 32);
    const more = [...messages, one.choices[0].message, { role: 'user', content: 'And of Italy?' }];
    assert.equal((await say('', { messages: more })).choices[0].finish_reason, 'stop');
  });

  it('draws with a seed, ends before a stop text, and says where the tokens ran out', async () => {
    const drawn = { temperature: 1, top_p: 0.9, seed: 5 };
    const [one, other, stopped, short] = await Promise.all([
      say('Tell me a story.', drawn),
      say('Tell me a story.', drawn),
      say('Count from one to five in digits.', { stop: ['4'] }),
      say('Tell me a long story.', { max_tokens: 4 }),
    ]);
    assert.equal(one.choices[0].message.content, other.choices[0].message.content);
    assert(!stopped.choices[0].message.content.includes('4'));
    assert.deepEqual([short.choices[0].finish_reason, short.usage.completion_tokens], ['length', 4]);
  });

  it('fills a schema, chooses with probabilities, counts and matches', async () => {
    const schema = { type: 'object', properties: { city: { type: 'string', maxLength: 20 } }, required: ['city'], additionalProperties: false };
    const [filled, chosen, counted, matched] = await Promise.all([
      say('Name the capital of France as JSON.', { response_format: { type: 'json_schema', json_schema: { name: 'city', strict: true, schema } } }),
      say('Is the sky blue? Answer yes or no.', { response_format: { type: 'choice', choices: ['no', 'yes'] }, logprobs: true, top_logprobs: 2 }),
      say('How many legs has a spider?', { response_format: { type: 'number', min: 0, max: 100 } }),
      say('In which year did the war end?', { response_format: { type: 'regex', pattern: '[0-9]{4}' } }),
    ]);
    assert.equal(typeof JSON.parse(filled.choices[0].message.content).city, 'string');
    assert(['no', 'yes'].includes(chosen.choices[0].message.content));
    const [{ token, top_logprobs: top }] = chosen.choices[0].logprobs.content;
    assert.equal(token, chosen.choices[0].message.content);
    assert(Math.abs(top.reduce((sum, { logprob }) => sum + Math.exp(logprob), 0) - 1) < 1e-3);
    assert.match(counted.choices[0].message.content, /^\d+$/);
    assert.match(matched.choices[0].message.content, /^\d{4}$/);
  });

  it('tells how likely each token of a text is', async () => {
    const { choices: [{ message, logprobs }], usage } = await say('What is the capital of France?', { logprobs: true, max_tokens: 12 });
    assert.equal(logprobs.content.map(({ token }) => token).join(''), message.content);
    assert.equal(logprobs.content.length, usage.completion_tokens);
    assert(logprobs.content.every(({ logprob }) => logprob <= 0));
    // It always takes the likeliest token, of which the model is rather sure here.
    assert(logprobs.content.some(({ logprob }) => logprob > Math.log(0.9)));
  });

  it('says which tokens can be had, and that there are logprobs of what is written alone', async () => {
    await assert.rejects(say('Hi', { max_tokens: 100_000 }), isOf(OpenAI.BadRequestError, 'invalid_value', 'max_completion_tokens'));
    await assert.rejects(say('Hi', { logprobs: true, top_logprobs: 3 }), isOf(OpenAI.BadRequestError, 'unsupported_parameter', 'top_logprobs'));
    await assert.rejects(say('Hi', { logprobs: true, max_tokens: 513 }), isOf(OpenAI.BadRequestError, 'invalid_value', 'max_completion_tokens'));
    await assert.rejects(say('Hi', { model: 'minilm' }), isOf(OpenAI.BadRequestError, 'invalid_value', 'model'));
  });

  it('gives vectors, of which like texts have like ones', async () => {
    const texts = ['The cat sits on the mat.', 'A cat is sitting on a rug.', 'Interest rates rose again.'];
    const { data, usage } = await client.embeddings.create({ model: 'minilm', input: texts });
    const [cat, rug, rates] = data.map(({ embedding }) => embedding);
    const dot = (a, b) => a.reduce((sum, value, at) => sum + value * b[at], 0);
    assert(Math.abs(dot(cat, cat) - 1) < 1e-3);
    assert(dot(cat, rug) > dot(cat, rates));
    assert.equal(usage.prompt_tokens, texts.join('').length);
    assert.equal(new Set(data.map(({ sibyl: { job } }) => job)).size, texts.length);
    const { data: [floats] } = await client.embeddings.create({ model: 'minilm', input: texts[0], encoding_format: 'float' });
    assert.deepEqual(floats.embedding.map(Math.fround), cat);
  });

  it('submits no text of several where it may not pay for all', async () => {
    const { data: [{ sibyl: { price } }] } = await client.embeddings.create({ model: 'minilm', input: 'a' });
    const limit = 4 * (Number(price.held) + Number(price.transaction_fee));
    const small = await new Gateway('batch', node, '--suri', '//Eve', '--limit', limit.toFixed(12)).start();
    try {
      const texts = Array.from({ length: 32 }, () => 'a');
      const asked = small.client().embeddings.create({ model: 'minilm', input: texts });
      await assert.rejects(asked, isOf(OpenAI.RateLimitError, 'insufficient_quota'));
      const { spent, held } = small.spending();
      assert.deepEqual([spent, held], [{}, {}]);
      assert.equal((await small.client().embeddings.create({ model: 'minilm', input: ['a', 'b'] })).data.length, 2);
    } finally {
      await small.stop('SIGKILL');
    }
  });

  it('gives them to Python, too', PYTHON, async () => {
    const { vectors, float } = await gateway.python('none', 'embeddings');
    assert.equal(vectors.length, 3);
    assert.deepEqual(vectors[0].map(Math.fround), float.map(Math.fround));
  });
});
