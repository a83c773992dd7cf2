// `make demo BYZANTINE=1`: four validators on this machine, of which one commits and does not reveal, and then another lies.
// The user gets the right answer or its money; who misbehaved pays, and nobody else. The last line is RESULT {…}.
import { formatSib } from '@sibyl/client';

import { account } from './lib/accounts.mjs';
import { accountFor, misbehave, PARTS, whoPaid } from './lib/byzantine.mjs';
import { MODEL, waitUntilServedBy } from './lib/inference.mjs';
import { MODELS_PATH } from './lib/models.mjs';
import { Network, VALIDATORS } from './lib/network.mjs';
import { showSteps } from './lib/steps.mjs';

// Who withholds goes first, since the liar is disabled for it.
const CASES = [
  {
    deed: 'withhold', culprit: 'charlie', title: 'charlie commits, and does not reveal',
    text: 'Je voudrais un café et deux croissants, s’il vous plaît.', label: 'fra', falseLabel: 'ita',
  },
  {
    deed: 'lie', culprit: 'dave', title: 'dave lies',
    text: 'Wo ist hier bitte der nächste Bahnhof?', label: 'deu', falseLabel: 'nld',
  },
];

const say = (line) => console.log(`demo: ${line}`);

const network = new Network();
say(`starting four validators: ${VALIDATORS.join(', ')}, all on the same node`);
const args = VALIDATORS.map((name) => [name, ['--models-path', MODELS_PATH]]);
await network.start(Object.fromEntries(args), (name) => say(`  ${name} is up`));
const [api, sibyl] = await Promise.all([network.api(), network.client()]);
say(`they run ${api.runtimeVersion.specName} ${api.runtimeVersion.specVersion}, genesis ${api.genesisHash}`);
const { number } = await waitUntilServedBy(sibyl, VALIDATORS);
say(`#${number}: all four serve ${MODEL}, each with a service bond`);

const requester = account('//Ferdie');
const outcomes = [];
for (const { title, text, label, ...what } of CASES) outcomes.push(await play(title, text, label, what));

await network.stop();
const isRight = outcomes.every(({ holds }) => holds);
console.log(`RESULT ${JSON.stringify(Object.fromEntries([...outcomes.map(({ deed, ...outcome }) => [deed, outcome])]))}`);
process.exit(isRight ? 0 : 1);

/** Plays a case, step by step, and gives its account. */
async function play(title, text, label, { deed, culprit, falseLabel }) {
  say('');
  say(`${title}; Ferdie asks ${MODEL}, of three seats, which language “${text}” is in`);
  let jobs = 0;
  let shown = Promise.resolve();
  const asked = (job) => {
    jobs += 1;
    shown = Promise.all([shown, showSteps(job, text, say)]);
  };
  const view = await misbehave(network, { deed, culprit, text, falseLabel, requester, tell: (line) => say(`  ${line}`), asked });
  await shown;

  const told = await accountFor(api, view, { culprit, requester, label });
  for (const line of whoPaid(view, told)) say(line);
  const { price, charges, pay, slash } = told;
  for (const [claim, holds] of told.claims) say(`  ${holds ? 'yes' : 'NO'}: ${claim}`);
  return {
    deed,
    holds: told.claims.every(([, holds]) => holds),
    culprit,
    verdict: told.verdict,
    answer: told.answer,
    rounds: told.rounds,
    jobs_asked: jobs,
    charged_sib: formatSib(charges),
    paid_to_seats_sib: formatSib(pay),
    refunded_sib: formatSib(price.refunded),
    slashed_percent: slash === null ? 0 : slash / PARTS * 100,
  };
}
