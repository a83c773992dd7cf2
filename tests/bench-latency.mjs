// `make bench-latency`: how many blocks jobs take on a network of four validators. The last line is RESULT {…}.
import { account, SIB } from './lib/accounts.mjs';
import { bestBlocks } from './lib/blocks.mjs';
import { blocksOf as blocksTaken, misbehave } from './lib/byzantine.mjs';
import { eventsAt, nextNonce, submitAndInclude } from './lib/chain.mjs';
import { ask, includesIn, question, waitUntilNoneOpen, waitUntilServedBy } from './lib/inference.mjs';
import { Network, VALIDATORS } from './lib/network.mjs';

const SPREAD_JOBS = 100;
const JOBS_PER_BLOCK = 4;
const BURST_JOBS = 50;
// Many, since an account may have a few open jobs only.
const CLIENTS = 25;
const FUNDS = 100n * SIB;
const TARGET_BLOCKS = 3;
// Has the worker say how long it took.
const LOGGING = ['-lruntime::inference=debug'];

const say = (line) => console.error(`bench-latency: ${line}`);
const clients = Array.from({ length: CLIENTS }, (_, index) => account(`//Client//${index}`));

const network = new Network();
await network.start({ [VALIDATORS[0]]: LOGGING });
const api = await network.api();
await fund(clients, account('//Ferdie'));
await waitUntilServedBy(await network.client(), VALIDATORS);

say(`${SPREAD_JOBS} jobs, ${JOBS_PER_BLOCK} a block`);
const spread = await measured(() => askSpread(SPREAD_JOBS));
say(`${BURST_JOBS} jobs at once`);
const burst = await measured(() => askAtOnce(BURST_JOBS));
say(`${SPREAD_JOBS} jobs, ${JOBS_PER_BLOCK} a block, without ${VALIDATORS.at(-1)}`);
await network.node(VALIDATORS.at(-1)).stop();
const oneStopped = await measured(() => askSpread(SPREAD_JOBS));
await network.node(VALIDATORS.at(-1)).start();
await waitUntilServedBy(await network.client(), VALIDATORS);
// Who withholds goes first, since the liar is disabled for it.
say('a seat of three withholds its reveal, so that the others need a second round');
const secondRound = await withCulprit(VALIDATORS[1], 'withhold', 3);
say('a liar in a committee of all four, who agree without it');
// Who is outvoted at once is not paid; only who is found wrong by a second round is charged.
const oneLiar = await withCulprit(VALIDATORS[2], 'lie', 'all', isOutvoted);
await network.stop();

const worker = workerTimes(network.node(VALIDATORS[0]).log(), BURST_JOBS);
console.log(`RESULT ${JSON.stringify({ spread, burst, one_stopped: oneStopped, one_liar: oneLiar, second_round: secondRound, worker })}`);

/** Gives each client what its jobs cost. */
async function fund(accounts, funder) {
  const nonce = await nextNonce(api, funder);
  await Promise.all(accounts.map(({ address }, index) => submitAndInclude(
    api, api.tx.balances.transferKeepAlive(address, FUNDS), funder, { nonce: nonce + index },
  )));
}

/** The blocks and rounds of a job in whose committee a validator misbehaves. */
async function withCulprit(culprit, deed, seats, isDone) {
  const what = { deed, culprit, text: 'Wo ist hier bitte der nächste Bahnhof?', falseLabel: 'nld' };
  const view = await misbehave(network, { ...what, requester: clients[0], seats, ...(isDone && { isDone }) });
  return { verdict: view.phase.asEnded.verdict.type, rounds: view.committees.length, blocks: blocksTaken(view) };
}

/** Whether somebody revealed another output than the one that was agreed on. */
function isOutvoted(view) {
  const agreed = view.agreed.unwrapOr(null)?.outputHash;
  const votes = view.committees[0].seats.map(({ vote }) => vote);
  return agreed !== undefined && votes.some((vote) => vote.isRevealed && !vote.asRevealed.eq(agreed));
}

/** Submits a few jobs when each block has come. */
async function askSpread(count) {
  let asked = 0;
  const answers = [];
  for await (const _ of bestBlocks(api, await api.rpc.chain.getHeader())) {
    for (let ofBlock = 0; ofBlock < JOBS_PER_BLOCK && asked < count; ofBlock += 1, asked += 1) {
      answers.push(ask(network, text(asked), clients[asked % CLIENTS]));
    }
    if (asked === count) break;
  }
  await Promise.all(answers);
}

/** Submits all jobs as soon as a block has come, signed beforehand. */
async function askAtOnce(count) {
  const nonces = await Promise.all(clients.map((client) => nextNonce(api, client)));
  const signed = await Promise.all(Array.from({ length: count }, async (_, index) => {
    const client = index % CLIENTS;
    const nonce = nonces[client] + Math.floor(index / CLIENTS);
    return (await question(api, text(index))).signAsync(clients[client], { nonce, era: 0 });
  }));
  let sent;
  let left = count;
  for await (const { hash } of bestBlocks(api, await api.rpc.chain.getHeader())) {
    sent ??= Promise.all(signed.map((tx) => api.rpc.author.submitExtrinsic(tx)));
    await sent;
    left -= (await eventsAt(api, hash)).filter(api.events.inference.JobSubmitted.is).length;
    if (left <= 0) break;
  }
}

/** Runs it, waits until its jobs have ended for good, and reads from the final blocks what they took. */
async function measured(submitJobs) {
  const from = await api.rpc.chain.getHeader();
  await submitJobs();
  const to = await waitUntilNoneOpen(api);
  return figures(await blocksBetween(from.number.toNumber() + 1, to.number.toNumber()));
}

async function blocksBetween(first, last) {
  const blocks = [];
  for (let number = first; number <= last; number += 1) {
    const hash = await api.rpc.chain.getBlockHash(number);
    const [events, includes, weight] = await Promise.all([
      eventsAt(api, hash), includesIn(api, hash), includeWeight(hash),
    ]);
    blocks.push({ number, events, includes, weight });
  }
  return blocks;
}

/** What the block's votes weighed, in picoseconds. The block's mandatory weight would count sessions' changes too. */
async function includeWeight(hash) {
  const { query } = await api.at(hash);
  const [{ block }, records] = await Promise.all([api.rpc.chain.getBlock(hash), query.system.events()]);
  const isOfInclude = (phase) => phase.isApplyExtrinsic &&
    api.tx.inference.include.is(block.extrinsics[phase.asApplyExtrinsic.toNumber()].method);
  return records
    .filter(({ phase, event }) => api.events.system.ExtrinsicSuccess.is(event) && isOfInclude(phase))
    .reduce((sum, { event: { data: { dispatchInfo } } }) => sum + dispatchInfo.weight.refTime.toNumber(), 0);
}

function figures(blocks) {
  const { inference } = api.events;
  const submitted = blocksOf(blocks, inference.JobSubmitted);
  const agreed = blocksOf(blocks, inference.Agreed);
  const settled = blocksOf(blocks, inference.Settled);
  const took = [...submitted].map(([job, at]) => settled.get(job) - at);
  const histogram = {};
  for (const count of took.sort((a, b) => a - b)) histogram[count] = (histogram[count] ?? 0) + 1;
  const secondRounds = blocksOf(blocks, inference.SecondRoundBegan).size;
  return {
    jobs: submitted.size,
    agreed: agreed.size,
    within_3: took.filter((count) => count <= TARGET_BLOCKS).length,
    max: Math.max(...took),
    second_rounds: secondRounds,
    histogram,
    most_in_a_block: Math.max(...blocks.map(({ events }) => events.filter(inference.JobSubmitted.is).length)),
    ...inherents(blocks, submitted.size),
  };
}

/** The block of each job's event. */
function blocksOf(blocks, kind) {
  return new Map(blocks.flatMap(({ number, events }) =>
    events.filter(kind.is).map(({ data: { job } }) => [job.toNumber(), number])));
}

/** What a validator's log says of its worker's runs over at least so many open seats. */
function workerTimes(log, jobs) {
  const runs = [...log.matchAll(/the worker looked at (\d+) open seats in (\d+) ms/g)]
    .filter(([, open]) => Number(open) >= jobs)
    .map(([, , took]) => Number(took))
    .sort((a, b) => a - b);
  return { open_seats: jobs, runs: runs.length, median_ms: runs[runs.length >> 1], max_ms: runs.at(-1) };
}

/** What a job's votes add to blocks, in bytes and in weighed time. */
function inherents(blocks, jobs) {
  const bytes = ({ includes }) => includes.reduce((sum, { encodedLength }) => sum + encodedLength, 0);
  const sum = (of) => blocks.reduce((total, block) => total + of(block), 0);
  return {
    inherent_bytes_per_job: Math.round(sum(bytes) / jobs),
    inherent_bytes_max: Math.max(...blocks.map(bytes)),
    inherent_weight_us_per_job: Math.round(sum(({ weight }) => weight) / jobs / 1e6),
    inherent_weight_ms_max: Math.round(Math.max(...blocks.map(({ weight }) => weight)) / 1e9),
  };
}

function text(index) {
  const sentences = [
    'This is sentence number', 'Dies ist der Satz mit der Nummer', 'Ceci est la phrase numéro', 'Esta es la frase',
  ];
  return `${sentences[index % sentences.length]} ${index}.`;
}
