// `make demo`: four validators on this machine agree on the languages of some sentences, or on what MODEL says to TEXT,
// step by step. The last line is RESULT {…}.
import { isDeepStrictEqual } from 'node:util';

import { signerFromSecret } from '@sibyl/client';

import { ASKS } from './lib/asks.mjs';
import { MODEL as DEFAULT_MODEL, waitUntilServedBy } from './lib/inference.mjs';
import { MODELS_PATH } from './lib/models.mjs';
import { Network, VALIDATORS } from './lib/network.mjs';
import { endOf, showSteps } from './lib/steps.mjs';
import { MINUTES } from './lib/wait.mjs';

const ASK = process.env.ASK ? ASKS[process.env.ASK] : undefined;
if (process.env.ASK && !ASK) {
  console.error(`demo: ASK is one of ${Object.keys(ASKS).join(', ')}, not '${process.env.ASK}'`);
  process.exit(2);
}
const MODEL = process.env.MODEL || (ASK ? 'smollm2' : DEFAULT_MODEL);
const generates = MODEL === 'smollm2';
const MAX_TOKENS = 64;

const TEXTS = process.env.TEXT ? [process.env.TEXT] : ASK ? [ASK.text] : generates ? ['What is the capital of France?'] : [
  'The weather is lovely today, shall we go for a walk along the river?',
  'Wo ist hier bitte der nächste Bahnhof?',
  'Je voudrais un café et deux croissants, s’il vous plaît.',
  '今天天气很好，我们一起去公园散步吧。',
  'Скажите, пожалуйста, где находится ближайшая библиотека?',
];

const say = (line) => console.log(`demo: ${line}`);

const network = new Network();
say(`starting four validators: ${VALIDATORS.join(', ')}`);
const args = VALIDATORS.map((name) => [name, ['--models-path', MODELS_PATH]]);
await network.start(Object.fromEntries(args), (name) => say(`  ${name} is up`));
const [alice, ...others] = await Promise.all(network.validators.map((node) => node.client()));
const { specName, specVersion } = await network.validators[0].rpc('state_getRuntimeVersion');
say(`they run ${specName} ${specVersion}, genesis ${(await alice.network()).genesis}`);
say(`each tries the model ${MODEL} on known texts, and tells the chain that it serves it`);
const { number } = await waitUntilServedBy(alice, VALIDATORS, MODEL, 10 * MINUTES);
say(`#${number}: all four serve it`);

const jobs = await ask(TEXTS);
const views = await Promise.all(jobs.map(({ job, text }) => showSteps(job, text, say)));
const results = await Promise.all(jobs.map(({ job }) => job.verify()));
for (const result of results) say(endOf(result, ASK?.format.choice));
for (const sibyl of others) await compare(sibyl);
say(`each of ${VALIDATORS.join(', ')} says the same`);

await network.stop();
say('to play with such a network yourself: make network');
const result = {
  jobs: jobs.length,
  agreed: views.filter(({ verdict }) => verdict === 'agreed').length,
  blocks_to_settle: views.map(({ submittedAt, endedAt }) => endedAt - submittedAt),
  answers: results.map(({ answer }) => answer?.label ?? answer?.text ?? null),
};
console.log(`RESULT ${JSON.stringify(result)}`);
process.exit(result.agreed === TEXTS.length ? 0 : 1);

/** Asks about each text, and returns the jobs of those that the chain has taken. */
async function ask(texts) {
  const options = { signer: signerFromSecret('//Ferdie'), maxOutputUnits: generates ? MAX_TOKENS : 0, format: ASK?.format };
  const count = texts.length === 1 ? 'a text' : `${texts.length} texts`;
  say(`Ferdie asks ${MODEL} ${generates ? 'to answer' : 'about'} ${count}, by clients/js`);
  const asked = await Promise.all(texts.map((text) => alice.ask(MODEL, text, options).then(
    (job) => [{ job, text }],
    ({ message }) => {
      say(`refused: ${message}`);
      return [];
    },
  )));
  return asked.flat();
}

/** Exits when another validator tells other results. */
async function compare(sibyl) {
  const told = await Promise.all(jobs.map(async ({ job: { fingerprint }, text }) => {
    const job = await sibyl.job(fingerprint);
    await showSteps(job, text, () => {});
    return job.result();
  }));
  // Which of the final blocks was asked is not the same.
  const comparable = (all) => all.map(({ block, proof, ...result }) => result);
  if (isDeepStrictEqual(comparable(told), comparable(results))) return;
  console.error('demo: the validators\' views differ:', told, results);
  process.exit(1);
}
