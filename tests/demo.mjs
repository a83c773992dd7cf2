// `make demo`: four validators on this machine agree on the languages of some sentences, or on what MODEL says to TEXT,
// step by step. The last line is RESULT {…}.
import { account } from './lib/accounts.mjs';
import { nextNonce, submitAndInclude, waitForFinalized } from './lib/chain.mjs';
import { blocksToSettle, jobAt, MODEL as DEFAULT_MODEL, question, waitForEnd, waitUntilServedBy } from './lib/inference.mjs';
import { MODELS_PATH } from './lib/models.mjs';
import { Network, VALIDATORS } from './lib/network.mjs';
import { languageName, percent } from './lib/show.mjs';
import { showSteps, supportOf } from './lib/steps.mjs';

// What a program asks for: an answer that it can use.
const ASKS = {
  choice: {
    text: 'Is this review positive or negative? “The food was cold, and nobody came to take our order.”',
    format: { Choice: process.env.CHOICES?.split(',') ?? ['positive', 'negative'] },
  },
  number: {
    text: 'How many legs does a spider have? Answer by a number alone.',
    format: { Number: { min: 0, max: 100, decimals: 0 } },
  },
  json: {
    text: 'Name the capital of France and its country as JSON.',
    format: {
      Json: JSON.stringify({
        type: 'object',
        properties: { city: { type: 'string', maxLength: 20 }, country: { type: 'string', maxLength: 20 } },
        required: ['city', 'country'],
      }),
    },
  },
};

const ASK = process.env.ASK && ASKS[process.env.ASK];
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
const api = await network.api();
say(`they run ${api.runtimeVersion.specName} ${api.runtimeVersion.specVersion}, genesis ${api.genesisHash}`);
say(`each tries the model ${MODEL} on known texts, and tells the chain that it serves it`);
const served = await waitUntilServedBy(api, VALIDATORS, MODEL);
say(`#${served.number}: all four serve it`);

const jobs = await submit(TEXTS);
await showSteps(api, jobs, served, say);
const views = await Promise.all([...jobs.keys()].map((job) => waitForEnd(api, job)));
const results = await readBack(views);

await network.stop();
say('to play with such a network yourself: make network');
const result = {
  jobs: jobs.size,
  agreed: views.filter(({ phase }) => phase.asEnded.verdict.isAgreed).length,
  blocks_to_settle: views.map(blocksToSettle),
  answers: results.map(({ answer }) => answerOf(answer)),
};
console.log(`RESULT ${JSON.stringify(result)}`);
process.exit(result.agreed === result.jobs && result.jobs === TEXTS.length ? 0 : 1);

/** What the answer comes to. */
function answerOf(answer) {
  if (answer?.choice) return ASK.format.Choice[answer.choice.index];
  return answer?.classification?.label ?? answer?.generation?.text ?? answer?.number?.value ?? null;
}

/** How likely each choice is. */
function sharesOf({ choice }) {
  if (!choice) return '';
  return ` (${choice.probabilities.map((share, at) => `${ASK.format.Choice[at]} ${percent(share)}`).join(', ')})`;
}

/** Submits a job for each text and returns the texts by the jobs' numbers. */
async function submit(texts) {
  const requester = account('//Ferdie');
  const options = { model: MODEL, maxOutputUnits: generates ? MAX_TOKENS : 0, ...(ASK && { format: ASK.format }) };
  const count = texts.length === 1 ? 'a text' : `${texts.length} texts`;
  say(`Ferdie asks ${MODEL} ${generates ? 'to answer' : 'about'} ${count}, by polkadot.js`);
  const nonce = await nextNonce(api, requester);
  const submitted = await Promise.all(texts.map(async (text, index) => {
    const submission = submitAndInclude(api, await question(api, text, options), requester, { nonce: nonce + index });
    const { events } = await submission.catch(({ message }) => {
      say(`refused: ${message}`);
      return { events: [] };
    });
    return events.filter(api.events.inference.JobSubmitted.is).map(({ data }) => [data.job.toNumber(), text]);
  }));
  return new Map(submitted.flat());
}

/** Reads the jobs' results from every validator over HTTP, at one final block; exits when they differ. */
async function readBack(views) {
  if (views.length === 0) return [];
  const last = Math.max(...views.map(({ phase }) => phase.asEnded.at.toNumber()));
  const nodes = network.validators;
  await Promise.all(nodes.map(async (node) => waitForFinalized(await node.api(), last)));
  const at = (await api.rpc.chain.getBlockHash(last)).toHex();
  const read = (node) => Promise.all(views.map(({ id }) => node.rpc('inference_getResult', id.toNumber(), at)));

  const body = { jsonrpc: '2.0', id: 1, method: 'inference_getResult', params: [views[0].id.toNumber()] };
  say('a result is read by plain JSON-RPC, as here:');
  say(`  curl -s -H 'content-type: application/json' http://${nodes[0].rpcAddress} -d '${JSON.stringify(body)}'`);
  const [results, ...others] = await Promise.all(nodes.map(read));
  for (const { id, status, answer, support, finalized } of results) {
    const top = answer?.classification?.scores[0];
    const label = top ? `, ${languageName(top.label)} (${percent(top.score)})` : '';
    const text = answer && !top ? `, “${answerOf(answer)}”${sharesOf(answer)}` : '';
    const agreed = support ? `, by ${supportOf(support)}` : '';
    say(`  job ${id}: ${status}${label}${text}${agreed}${finalized ? ', final' : ''}`);
  }
  if (others.some((other) => JSON.stringify(other) !== JSON.stringify(results))) {
    say(`the validators' views at #${last} differ: ${JSON.stringify([results, ...others])}`);
    process.exit(1);
  }
  say(`each of ${VALIDATORS.join(', ')} says the same`);
  return results;
}
