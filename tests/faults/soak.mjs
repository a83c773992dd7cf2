// `make soak`: seven validators with mixed jobs and restarts for MINUTES (120), and each minute what every node takes, as CSV
// and drawn as SVG in the folder SIBYL_SOAK. The last line is RESULT {…}.
import { appendFileSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { account } from '../lib/accounts.mjs';
import { chart } from '../lib/chart.mjs';
import { MODEL, waitUntilNoneOpen, waitUntilServedBy } from '../lib/inference.mjs';
import { isInstalled, MODELS_PATH } from '../lib/models.mjs';
import { Network } from '../lib/network.mjs';
import { conflictingFinality, finalizedOf, fundsLost, numberOf, secondsToCatchUp } from '../lib/outcome.mjs';
import { scratch } from '../lib/scratch.mjs';
import { usageOf } from '../lib/usage.mjs';
import { MINUTES, SECONDS } from '../lib/wait.mjs';

const LENGTH = Number(process.env.MINUTES || 120) * MINUTES;
const ASK_EVERY = 3 * SECONDS;
const SAMPLE_EVERY = 1 * MINUTES;
const RESTART_EVERY = 3 * MINUTES;
const TEXT = 'Wo ist hier bitte der nächste Bahnhof?';
const VECTORS = 'minilm';
const KINDS = [
  { model: MODEL, seats: 'all' },
  { model: MODEL, seats: 3 },
  ...isInstalled(VECTORS) ? [{ model: VECTORS, seats: 5 }, { model: VECTORS, seats: 'all' }] : [],
  { model: MODEL, seats: 5, drawDelay: 4 },
];
const COLUMNS = ['minute', 'node', 'memory', 'mapped', 'engineMemory', 'handles', 'disk', 'offchain', 'errors', 'warnings', 'best', 'final'];
const PANELS = [
  ['memory', 'own memory of the node', 'MiB'], ['mapped', 'files in memory for it', 'MiB'],
  ['engineMemory', 'memory of its engine', 'MiB'], ['handles', 'open handles', 'number'],
  ['disk', 'disk', 'MiB'], ['offchain', 'offchain database', 'MiB'], ['errors', 'errors logged', 'number'],
];

const folder = process.env.SIBYL_SOAK ?? mkdtempSync(join(tmpdir(), 'sibyl-soak-'));
mkdirSync(folder, { recursive: true });
const [csv, svg] = ['samples.csv', 'samples.svg'].map((name) => join(folder, name));
const say = (line) => console.error(`soak: ${line}`);
const requester = account('//Ferdie');
const isAbsent = new Set();
const samples = [];
const jobs = { asked: 0, refused: 0, answered: 0, unanswered: 0, lost: 0 };
const answers = new Map();
const wrong = [];
const open = new Set();

const network = new Network({}, {
  further: ['eve', 'one', 'two'],
  optionsOf: () => ({ place: { args: ['--models', `${MODEL},${VECTORS}`, '--models-path', MODELS_PATH] } }),
});
await network.start();
const api = await network.api();
await waitUntilServedBy(await network.client(), network.names, MODEL, 5 * MINUTES);

writeFileSync(csv, `${COLUMNS.join(',')}\n`);
const began = Date.now();
const over = () => Date.now() - began >= LENGTH;
say(`${LENGTH / MINUTES} minutes of jobs and restarts; samples are in ${csv}`);
const restarts = { kills: 0, stops: 0, slowest: 0 };
await Promise.all([every(ASK_EVERY, ask), every(SAMPLE_EVERY, sample), every(RESTART_EVERY, restart)]);
await sample();
await Promise.all(open);
const { hash } = await waitUntilNoneOpen(api);
const result = {
  minutes: LENGTH / MINUTES,
  jobs,
  wrong: wrong.length,
  restarts,
  funds_lost: `${await fundsLost(api, hash, [], requester)}`,
  conflicting_finality: await conflictingFinality(network.validators),
  errors: Object.fromEntries(network.names.map((name) => [name, samples.findLast(({ node }) => node === name)?.errors])),
};
await network.stop();
console.log(`RESULT ${JSON.stringify(result)}`);

/** Does something again and again until the time is over. */
async function every(period, act) {
  while (!over()) {
    const [, failure] = await Promise.all([sleep(period), act().catch((error) => error)]);
    if (failure instanceof Error) say(`${act.name}: ${failure.message.split('\n')[0]}`);
  }
}

/** Asks by the client library, and looks at the answer once it is final. */
async function ask() {
  const { model, ...options } = KINDS[jobs.asked % KINDS.length];
  const sibyl = await network.client();
  let job;
  try {
    job = await sibyl.ask(model, TEXT, { signer: requester, ...options });
  } catch (error) {
    jobs.refused += 1;
    throw error;
  }
  jobs.asked += 1;
  const end = job.result().then(({ status, answer }) => {
    if (status !== 'agreed') {
      jobs.unanswered += 1;
      say(`job ${job.number} (${model}) ended ${status}`);
      return;
    }
    jobs.answered += 1;
    const shown = JSON.stringify(answer);
    if (!answers.has(model)) answers.set(model, shown);
    if (answers.get(model) !== shown) wrong.push(job.number);
  }, (error) => {
    jobs.lost += 1;
    say(`a job without an end: ${error.message.split('\n')[0]}`);
  }).finally(() => open.delete(end));
  open.add(end);
}

/** Kills a node, or stops it in good order, in turn, and starts it again; never the one that is asked. */
async function restart() {
  const count = restarts.kills + restarts.stops;
  const node = network.node(network.names[1 + count % (network.names.length - 1)]);
  const signal = count % 2 === 0 ? 'SIGKILL' : 'SIGTERM';
  isAbsent.add(node.name);
  await node.kill(signal);
  restarts[signal === 'SIGKILL' ? 'kills' : 'stops'] += 1;
  const seconds = await secondsToCatchUp(() => network.validators, async () => {
    await node.start();
    isAbsent.delete(node.name);
  });
  restarts.slowest = Math.max(restarts.slowest, Math.round(seconds));
}

async function sample() {
  const minute = ((Date.now() - began) / MINUTES).toFixed(2);
  for (const name of network.names) {
    const row = await sampleOf(name).catch((error) => {
      // It is being started again.
      if (!isAbsent.has(name)) throw error;
    });
    if (row === undefined) continue;
    Object.assign(row, { minute, node: name });
    samples.push(row);
    appendFileSync(csv, `${COLUMNS.map((column) => row[column]).join(',')}\n`);
  }
  writeFileSync(svg, chart(PANELS.map(([column, title, unit]) => ({ title, unit, lines: linesOf(column) }))));
}

async function sampleOf(name) {
  const node = network.node(name);
  const [best, final] = await Promise.all([numberOf(node), finalizedOf(node)]);
  return { ...rounded(usageOf(node, scratch(name))), best, final };
}

function rounded(usage) {
  return Object.fromEntries(Object.entries(usage).map(([name, value]) => [name, Math.round(value * 10) / 10]));
}

function linesOf(column) {
  return new Map(network.names.map((name) => [
    name, samples.filter(({ node }) => node === name).map((row) => [Number(row.minute), row[column]]),
  ]));
}
