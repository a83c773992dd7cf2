// Every snippet of the documentation is run here against a node, or is listed with the reason why not.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { runInNewContext } from 'node:vm';

import { u8aToHex } from '@polkadot/util';
import { signerFromSecret } from '@sibyl/client';

import { account } from '../lib/accounts.mjs';
import { binary, runBinary } from '../lib/binary.mjs';
import { chromium, Page, startBrowser } from '../lib/browser.mjs';
import { assertShows } from '../lib/forms.mjs';
import { Gateway } from '../lib/gateway.mjs';
import { MODEL, waitUntilServedBy } from '../lib/inference.mjs';
import { isInstalled, linkModels, MODELS_PATH, whyUnserved } from '../lib/models.mjs';
import { devNode } from '../lib/node.mjs';
import { scratch } from '../lib/scratch.mjs';
import { outputOf, outputs, REPOSITORY, shapeOf, snippets } from '../lib/snippets.mjs';
import { writeTinyModel } from '../lib/tiny-model.mjs';
import { MINUTES } from '../lib/wait.mjs';

const TIMEOUT = 3 * MINUTES;
const LANGUAGE_MODEL = 'smollm2';
// `scripts/setup.sh --tests` makes it.
const PYTHON = join(process.env.SIBYL_TESTS_VENV ?? join(homedir(), '.cache/sibyl/venv-tests'), 'bin/python');

const BUILDS = 'builds, or runs all tests';
const FETCHES = 'fetches packages';
const RUST = 'one of the examples of the crate, which `cargo test` compiles';
const PICTURE = 'a picture';
const MEASURED = 'measured by `make bench-engine`';
const PACKAGED = 'needs root, and changes the system: `make test-package` installs and runs the package in a fresh Debian';

/** Why a snippet is not run, by its file and its first line. */
const NOT_RUN = {
  'README.md': {
    'git clone REPOSITORY sibyl && cd sibyl':
      'clones and builds: demo.test.mjs runs the demo; inference/language-model.mjs makes the choice, and byzantine.test.mjs does both deeds, by the same code',
    'make test     # everything: sets up, builds, Rust tests, end-to-end tests': BUILDS,
  },
  'CONTRIBUTING.md': { 'make build    # sets the machine up and builds; about 25 minutes on two cores the first time': BUILDS },
  'docs/console.md': { 'make console            # sets up, builds, and serves it on 127.0.0.1; PORT=8000 for that port': 'runs until it is stopped: see console.test.mjs' },
  'docs/gateway.md': {
    'make network                                        # in another terminal; or sibyl-node --dev':
      'runs until it is stopped: there is a node, and a gateway on it, here',
  },
  'docs/python.md': { 'python3 -m venv venv && venv/bin/pip install substrate-interface==1.8.1': FETCHES },
  'docs/testing.md': { 'cargo test --release -p sibyl-simulation        # 300 seeds of 100 slots': BUILDS },
  'docs/validator.md': {
    'apt-get install ./sibyl-node_*_amd64.deb': PACKAGED,
    'runuser -u sibyl -- sibyl-node key generate-node-key --base-path /var/lib/sibyl --chain testnet': PACKAGED,
    'install -m 0755 sibyl-node /usr/bin/': 'needs root, and changes the system: `make test-package` looks whether the tarball has these files',
    'docker build --tag sibyl-node target/package': 'builds an image: `make test-package` does, by buildah',
    'make build': BUILDS,
    'sibyl-node --validator --chain testnet --base-path ~/sibyl --name "your name" \\': 'runs until it is stopped: testnet.test.mjs starts a node by it',
    'sibyl-node models bench --base-path ~/sibyl            # or one: models bench smollm2': 'measures for minutes',
    'sibyl-node validator drain && systemctl stop sibyl-node': 'stops a service of the system: a-validator.test.mjs drains and stops a node',
    'sibyl-node validator leave --suri-file my-secret': 'takes the only validator out of service: see a-validator.test.mjs',
  },
  'docs/web.md': { 'npm install @sibyl/client polkadot-api esbuild': FETCHES },
  'clients/js/README.md': { 'npm install @sibyl/client        # from a checkout: npm ci && npm run build --workspace clients/js': FETCHES },
  'node/engine/README.md': {
    'use sibyl_engine::{outcome_bytes, Engine, EngineError, Inference, Limits, LocalEngine, Request, COMMON_LINGUA};': RUST,
    'use sibyl_engine::store::{known::SMOLLM2, ModelStore};': RUST,
    'cut -f 2 tests/data/sentences.tsv | cargo run --release --example classify | cut -f 3-4 | diff - tests/data/goldens.txt':
      `${BUILDS}: tests/goldens.rs compares the same hashes`,
    'MODELS=/tmp/models cargo test --release write_models_for_candle -- --ignored': `${BUILDS}, and makes what its tests compare with`,
    'MODELS=/tmp/models cargo test --release write_models_for_llama_cpp -- --ignored': `${BUILDS}, and makes what its tests compare with`,
  },
};

/** Blocks that are no snippets: a program's output, with where it is compared, formulas and pictures. */
const SHOWN = {
  'README.md': {
    'demo: starting four validators: alice, bob, charlie, dave': 'demo.test.mjs compares it',
    'demo: #4 job 0: “Is this review positive or negative? “Th…” submitted, 0.011592 SIB held': 'inference/language-model.mjs compares it',
    'demo:   dave says “nld”: its operator wrote that in the place of its engine\'s answer': 'byzantine.test.mjs compares it',
    ' user ── submit(model, input, options, max fee) ──▶ pallet-inference              the fee is held': PICTURE,
  },
  'docs/benchmarks.md': {
    '                                1 thread   2 threads     ours, times as fast': MEASURED,
    'SmolLM2-135M beside llama.cpp built for this CPU, tok/s                   1 thread               2 threads': MEASURED,
    'tok/s, ours / llama.cpp built for this CPU = times          1 thread                 2 threads': MEASURED,
  },
  'docs/prices.md': { 'a seat  = base + unit × (input bytes + maxOutputUnits)': 'a formula' },
};

const CLIENT = `import { connect, signerFromSecret } from '@sibyl/client';
const sibyl = await connect({ url: 'ws://127.0.0.1:9944' });
`;
// A machine with much to do measures the models more than once.
const TO_SERVE = 10 * MINUTES;
const GENERATES = isInstalled(LANGUAGE_MODEL) ? undefined : `${LANGUAGE_MODEL} is not installed`;
const INSTALLED = ['smollm2', 'minilm'].every(isInstalled) ? undefined : 'not all models are installed';
const SERVED = { served: LANGUAGE_MODEL, skip: whyUnserved(LANGUAGE_MODEL) };

/**
 * What a snippet prints when all is well, by its file and its first line; around it what its reader has already, which model
 * the node must serve, and why it may be left out on this machine; `shows` is how the output begins that its file shows of it.
 * JSON is what the last request by curl of its file is answered, or a part of that.
 */
const PRINTS = {
  'README.md': {
    "import { ApiPromise, Keyring, WsProvider } from '@polkadot/api';": { prints: /^job \d+\n$/ },
    "curl -s -H 'content-type: application/json' http://127.0.0.1:9944 \\": { prints: /"label":"deu"/ },
  },
  'docs/formats.md': { '{': { run: answerBySchema, skip: GENERATES } },
  'docs/gateway.md': {
    "curl -s http://127.0.0.1:8080/v1/chat/completions -H 'content-type: application/json' \\": { prints: /"content":"[^"]*Paris/, ...SERVED },
    "import OpenAI from 'openai';                        // npm install openai": { prints: /^(yes|no) \{[^]*\bnumber: [1-9]\d*[^]*\bpaid: '0\.\d+'/, ...SERVED },
    'import openai                                       # pip install openai': { prints: /\S[^]* \d+\n$/, ...SERVED },
    '{': { part: 'sibyl', ...SERVED },
  },
  'docs/governance.md': {
    "import { ApiPromise, Keyring, WsProvider } from '@polkadot/api';": { prints: /^true: root makes it in block \d+\n$/ },
  },
  'docs/models.md': {
    'sibyl-node models manifest tiny.gguf --name tiny --output manifest.json': { prints: /^manifest\.json is written: /m, shows: 'tiny: 318.40 kB' },
    'sibyl-node models register manifest.json --suri-file my-secret': { prints: /^tiny is registered as 0x[0-9a-f]{64}\.$/m },
    'sibyl-node models add tiny.gguf --base-path ~/sibyl': { prints: /^[0-9a-f]{64}$/m },
    'sibyl-node models list --url ws://127.0.0.1:9944': { prints: /^tiny +generate .*waits for validators/m },
    'sibyl-node models price tiny --base 0.002 --author-share 15 --suri-file my-secret': {
      prints: /^Jobs of tiny cost that from now on[^]*^tiny is forgotten, and \d+\.\d+ SIB are back\.$/m,
    },
  },
  'docs/prices.md': { "curl -s -H 'content-type: application/json' http://127.0.0.1:9944 \\": { prints: /"total":"1069950000"/ } },
  'docs/python.md': {
    'import json': { prints: /^common-lingua 1\n[^]*'label': 'deu'/m },
    'from substrateinterface import Keypair, SubstrateInterface': { prints: /^\d+ agreed .*'label': 'deu'/ },
  },
  'docs/receipts.md': {
    "sibyl-node ask 'Wo ist der Bahnhof?' --model common-lingua --suri //Alice --yes --receipt job.json": {
      prints: /^answer +deu .*\nrun here +the same \d+ bytes$/m, shows: 'chain     dev',
    },
  },
  'docs/rpc.md': {
    "curl -s -H 'content-type: application/json' http://127.0.0.1:9944 \\": { prints: /"label":"deu"/ },
    "import { ApiPromise, WsProvider } from '@polkadot/api';": { prints: /^1069950000 [1-9]\d* [1-9]\d*\n$/ },
  },
  'docs/upgrades.md': {
    "curl -s -H 'content-type: application/json' http://127.0.0.1:9944 \\": { prints: /"result":"0x[0-9a-f]{64}"/ },
  },
  'docs/validator.md': {
    'sibyl-node key generate-node-key --base-path ~/sibyl --chain testnet': { prints: /12D3Koo/ },
    'sibyl-node status          # --json for programs': { prints: /^elected {5}in session \d+, one of 1\b/m },
    'sibyl-node validator setup --bond 1000 --suri-file my-secret': { prints: /^It is elected, [^]*^already done: the session keys /m },
    'sibyl-node validator payout --suri-file my-secret': { prints: / (has nothing to be paid|was paid \d)/ },
    'sibyl-node validator rotate --suri-file my-secret': { prints: /in use from session \d+ on/ },
    'rule_files:': { run: assertAlertsHaveTheirJobs },
    'sibyl-node models install all --base-path ~/sibyl     # or smollm2, or minilm': {
      prints: /^smollm2 is already installed in [^]*^minilm is already installed in [^]*^[0-9a-f]{64} +ok +smollm2/m, skip: INSTALLED,
    },
    'sibyl-node models run smollm2 --base-path ~/sibyl --prompt "What is the capital of France?"': { prints: /Paris/, skip: GENERATES },
  },
  'clients/js/README.md': {
    "import { connect, signerFromSecret } from '@sibyl/client';": { prints: /label: 'deu'/ },
    "import { readFileSync } from 'node:fs';": {
      before: "import { connect } from '@sibyl/client';\n",
      behind: 'console.log(sibyl.source, (await sibyl.models()).length);\nawait sibyl.close();\n',
      prints: /^light client [1-9]\n$/,
    },
    "import { chainFacts, verifyReceipt } from '@sibyl/client';": {
      behind: 'console.log(answer.label, support.agreed, proof.hasTestKeys);\n',
      prints: /^deu 1 true\n$/,
    },
    'for await (const { phase, block, isFinal, seats } of job.follow()) {': {
      before: `${CLIENT}const job = await sibyl.ask('common-lingua', 'Wo ist der Bahnhof?', { signer: signerFromSecret('//Ferdie') });\n`,
      behind: 'await sibyl.close();\n',
      prints: /^#\d+ pending, 0 of 0 seats\n[^]*#\d+ ended, 1 of 1 seats, final\n$/,
    },
  },
};

const ALERTS = 'packaging/prometheus/alerts.yml';
/** Its snippets together are one page. */
const PAGE = 'docs/web.md';
/** Snippets in these languages are parts of a program, which `make test-foreign` runs. */
const PARTS_OF = { toml: 'tests/foreign/subxt/Cargo.toml', rust: 'tests/foreign/subxt/src/main.rs' };
/** Those of this file are parts of a pallet, which Rust's tests run. */
const PARTS_OF_FILE = { 'docs/feeds.md': 'pallets/inference/src/mock/moderation.rs' };

// JSON is what a request before it in its file is answered.
const isRun = ({ file, first, language }) =>
  !(first in (NOT_RUN[file] ?? {})) && (language in PARTS_OF || language === 'json' || first in (PRINTS[file] ?? {}));

const folder = scratch('docs');
// What `~` is in a snippet.
const HOME = join(folder, 'home');
const NEEDS_BROWSER = { skip: chromium() === undefined ? 'there is no chromium on PATH' : false };

describe('the documentation', () => {
  const node = devNode('--models-path', MODELS_PATH);
  let gateway;
  const all = snippets();
  let replacements;

  before(async () => {
    symlinkSync(join(REPOSITORY, 'node_modules'), join(folder, 'node_modules'));
    symlinkSync(binary(), join(folder, 'sibyl-node'));
    await runBinary('export-chain-spec', '--chain', 'dev', '--raw', '--output', join(folder, 'local.json'));
    await node.start();
    const sibyl = await node.client();
    await waitUntilServedBy(sibyl, ['alice']);
    const alice = account('//Alice');
    // Nobody else asks by its account.
    gateway = await new Gateway('gateway', node, '--suri', '//Eve', '--limit', '1').start();
    writeTinyModel(join(folder, 'tiny.gguf'));
    linkModels(join(HOME, 'sibyl/models'));
    writeFileSync(join(folder, 'my-secret'), '//Alice\n', { mode: 0o600 });
    const commands = [
      'status', 'validator setup', 'validator payout', 'validator rotate', 'models register', 'models price', 'models retire',
    ].map((each) => `sibyl-node ${each} `);
    replacements = {
      '127.0.0.1:9944': node.rpcAddress,
      '127.0.0.1:8080': new URL(gateway.url).host,
      // The only validator has the only seat.
      '"seats": 3': '"seats": 1',
      ...Object.fromEntries(commands.map((command) => [command, `${command}--url ws://${node.rpcAddress} `])),
      '--suri-file my-secret': '--suri-file my-secret --yes',
      '/ip4/127.0.0.1/tcp/30333/p2p/12D3…': await node.address(),
      '0xMODEL_ID': (await sibyl.model(MODEL)).id,
      '0xPUBLIC_KEY': u8aToHex(alice.publicKey),
      YOUR_ADDRESS: alice.address,
      'sibyl-node receipt 0': `sibyl-node receipt 0 --url ws://${node.rpcAddress}`,
      "sibyl-node ask 'Wo": `sibyl-node ask --url ws://${node.rpcAddress} 'Wo`,
    };
    // Job 0, of which snippets read.
    await (await sibyl.ask(MODEL, 'Wo ist der Bahnhof?', { signer: signerFromSecret('//Ferdie') })).result();
    writeFileSync(join(folder, 'job-0.json'), await runBinary('receipt', '0', '--url', `ws://${node.rpcAddress}`));
  });
  after(async () => {
    await gateway?.stop('SIGKILL');
    await node.stop();
  });

  const adapted = (text) => Object.entries(replacements).reduce((whole, [from, to]) => whole.replaceAll(from, to), text);

  it('has no snippet that is neither run nor listed, and lists none that there is not', () => {
    const listed = ({ file, first }) => file === PAGE || first in (NOT_RUN[file] ?? {});
    const unlisted = all.filter((each) => !isRun(each) && !listed(each)).map(({ file, first }) => `${file}: ${first}`);
    assert.deepEqual(unlisted, []);
    const names = new Set(all.map(({ file, first }) => `${file}: ${first}`));
    const stale = [NOT_RUN, PRINTS].flatMap((table) => Object.entries(table))
      .flatMap(([file, lines]) => Object.keys(lines).map((first) => `${file}: ${first}`))
      .filter((name) => !names.has(name));
    assert.deepEqual(stale, []);
  });

  it('shows no output that is neither compared nor listed, and lists none that there is not', () => {
    const compared = Object.entries(PRINTS).flatMap(([file, lines]) =>
      Object.values(lines).flatMap(({ shows }) => (shows === undefined ? [] : [outputOf(file, shows)])));
    const isListed = ({ file, first }) => first in (SHOWN[file] ?? {});
    const unlisted = outputs().filter((each) => !isListed(each) && !compared.includes(each.text));
    assert.deepEqual(unlisted.map(({ file, first }) => `${file}: ${first}`), []);
    for (const [file, lines] of Object.entries(SHOWN)) for (const first of Object.keys(lines)) assert.ok(outputOf(file, first));
  });

  const replies = new Map();
  const entry = ({ file, first }) => PRINTS[file]?.[first] ?? {};
  // Those last that a large model must be there for, which is measured meanwhile.
  const ordered = [false, true].flatMap((last) => all.filter((each) => isRun(each) && (entry(each).served !== undefined) === last));
  for (const snippet of ordered) {
    const { file, language, text, first } = snippet;
    const { before: prelude = '', behind = '', prints, shows, run, part, served, skip } = entry(snippet);

    it(`${file} (${language}): ${first}`, { skip }, async () => {
      if (run !== undefined) return run(text);
      if (language in PARTS_OF) return assertStandsIn(PARTS_OF_FILE[file] ?? PARTS_OF[language], text);
      if (language === 'json') return assertIsOfShape(text, replies.get(file), part);
      if (served !== undefined) await waitUntilServedBy(await node.client(), ['alice'], served, TO_SERVE);
      const { stdout, stderr } = await runners[language](adapted(prelude + text + behind));
      const printed = stdout + (language === 'sh' ? stderr : '');
      assert.match(printed, prints);
      if (shows !== undefined) assertShows(outputOf(file, shows), printed);
      if (first.startsWith('curl ')) replies.set(file, stdout);
    });
  }

  it('docs/rpc.md: defines for polkadot.js each of the methods that a node has', async () => {
    const { text } = all.find(({ file, language }) => file === 'docs/rpc.md' && language === 'js');
    const [, definitions] = text.match(/^const rpc = (\{\n[^]*?\n\});$/m);
    const { inference } = runInNewContext(`(${definitions})`);
    const defined = Object.entries(inference).flatMap(([name, { pubsub }]) => pubsub?.slice(1) ?? [name]);
    const { methods } = await node.rpc('rpc_methods');
    const offered = methods.filter((method) => method.startsWith('inference_'));
    assert.deepEqual(defined.map((name) => `inference_${name}`).sort(), offered.sort());
  });

  it('README.md (js): tells in one line what the chain refuses, and ends', async () => {
    const { text } = all.find(({ file, language }) => file === 'README.md' && language === 'js');
    const { stdout } = await runners.js(adapted(text.replace('10n ** 12n', '1n')));
    assert.equal(stdout, 'refused: FeeAboveLimit\n');
  });

  it(`${PAGE}: is a page that asks by a wallet, and shows the answer`, NEEDS_BROWSER, async () => {
    const [html, js, , bundle] = all.filter(({ file }) => file === PAGE);
    writeFileSync(join(folder, 'index.html'), html.text);
    writeFileSync(join(folder, 'page.js'), adapted(js.text));
    await runners.sh(bundle.text);
    const browser = await startBrowser();
    const { url, stop } = await serve(folder);
    try {
      const { registry } = await node.api();
      const sign = (payload) => registry.createType('ExtrinsicPayload', payload, { version: payload.version }).sign(account('//Ferdie')).signature;
      const page = await Page.open(browser, url, injectWallet, { sign });
      await page.press('button');
      const said = await page.until('pre', /\n[a-z]{3}\n$/);
      assert.match(said, /^costs 0\.\d+ SIB at most\n(#\d+ [a-z]+, \d of \d seats\n)+deu\n$/);
    } finally {
      await browser.close();
      stop();
    }
  });
});

const runners = {
  js: (text) => execute(process.execPath, [written('snippet.mjs', text)]),
  python: (text) => execute(PYTHON, [written('snippet.py', text)]),
  sh: (text) => execute('bash', ['-euo', 'pipefail', '-c', text]),
};

function written(name, text) {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

/** Runs a program in the folder; rejects when it fails. */
function execute(program, args) {
  mkdirSync(HOME, { recursive: true });
  const path = `${folder}${delimiter}${process.env.PATH}`;
  const options = { cwd: folder, timeout: TIMEOUT, env: { ...process.env, PATH: path, HOME } };
  return new Promise((resolve, reject) => {
    execFile(program, args, options, (error, stdout, stderr) => (error ? reject(new Error(`${stdout}${stderr}`, { cause: error })) : resolve({ stdout, stderr })));
  });
}

/** Whether JSON of the documentation has the names and kinds of a reply, or of a part of it. */
function assertIsOfShape(text, reply, part) {
  assert.ok(reply !== undefined, 'nothing that this could be the answer to was asked in its file, or not well');
  const whole = JSON.parse(reply);
  assert.deepEqual(shapeOf(JSON.parse(text.replaceAll('\n', ''))), shapeOf(part === undefined ? whole : whole[part]));
}

/** Whether the jobs that the alerts name are those that a configuration of Prometheus has, and where it looks for the alerts. */
function assertAlertsHaveTheirJobs(configuration) {
  const alerts = readFileSync(join(REPOSITORY, ALERTS), 'utf8');
  const jobs = new Set([...configuration.matchAll(/job_name: (\w+)/g)].map(([, job]) => job));
  const named = [...alerts.matchAll(/\bjob="(\w+)"/g)].map(([, job]) => job);
  assert.ok(named.length > 0, 'the alerts name no job');
  for (const job of named) assert.ok(jobs.has(job), `no job ${job}`);
  assert.ok(configuration.includes(`- /usr/share/sibyl-node/${ALERTS.replace('packaging/', '')}\n`), 'the package puts the alerts elsewhere');
}

/** Whether each paragraph of a snippet stands in a file. */
function assertStandsIn(file, text) {
  const whole = readFileSync(join(REPOSITORY, file), 'utf8');
  for (const part of text.trimEnd().split('\n\n')) assert.ok(whole.includes(`${part}\n`), `${file} has not:\n${part}`);
}

/** What a schema is for: a model's answer is of it. */
async function answerBySchema(schema) {
  const file = written('schema.json', schema);
  const question = ['--prompt', 'Which is the capital of France?', '--max-tokens', '64'];
  const answer = await runBinary('models', 'run', LANGUAGE_MODEL, '--models-path', MODELS_PATH, '--json-schema', file, ...question);
  assert.deepEqual(Object.keys(JSON.parse(answer)), Object.keys(JSON.parse(schema).properties));
}

async function serve(root) {
  const server = createServer(({ url }, response) => {
    const name = url === '/bundle.js' ? 'bundle.js' : 'index.html';
    response.writeHead(200, { 'content-type': name.endsWith('js') ? 'text/javascript' : 'text/html' }).end(readFileSync(join(root, name)));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { url: `http://127.0.0.1:${server.address().port}/`, stop: () => server.close() };
}

/** Runs in the page: a wallet with one account, whose key this process has. */
function injectWallet() {
  const accounts = [{ address: '5CiPPseXPECbkjWCa6MnjNokrgYjMqmKndv2rSnekmSK2DjL', type: 'sr25519' }];
  const signPayload = async (payload) => ({ id: 1, signature: await window.sign(payload) });
  const enable = async () => ({
    accounts: { get: async () => accounts, subscribe: (told) => { told(accounts); return () => {}; } },
    signer: { signPayload, signRaw: signPayload },
  });
  window.injectedWeb3 = { test: { version: '1', enable } };
}
