// Validators that misbehave, on nodes like all others: what they do, their operators can do by their own unsafe RPC. And an
// account of who paid for it.
import { hexToU8a, stringToU8a, u8aConcat } from '@polkadot/util';
import { formatSib } from '@sibyl/client';

import { accountNamed } from './accounts.mjs';
import { eventsAt } from './chain.mjs';
import {
  committeeOf, eventsNamed, eventsOfJob, isDrawn, MODEL, seatOf, validatorAt, waitForEnd, waitForJob, waitForVote,
} from './inference.mjs';
import { answer, classification, replaceOutput, takeBack } from './mailbox.mjs';
import { VALIDATORS } from './network.mjs';

/** @typedef {import('@polkadot/api').ApiPromise} Api */
/** @typedef {import('./network.mjs').Network} Network */

const SEATS = 3;
// A committee of three leaves a validator out one time in four, and a block that comes early may be quicker than this program.
const ATTEMPTS = 15;
const FALSE_SCORE = 999_000;
// Blocks until the draw: time to plant an answer before a seat looks for one.
const BEFORE_THE_DRAW = 2;
/** What shares of a stake are counted in. */
export const PARTS = 1e9;

/** What a validator can do, and what it is charged for then. */
export const DEEDS = { lie: 'Contradicted', withhold: 'Withheld' };

/**
 * Asks, of three seats where nothing else is said, until the validator has one and misbehaves in it; resolves when the
 * job has ended for good. It has misbehaved where it was charged for it, if nothing else is said.
 * @param {Network} network
 * @param {{
 *   deed: keyof typeof DEEDS, culprit: string, text: string, falseLabel: string,
 *   requester: import('@polkadot/keyring/types').KeyringPair, seats?: number | 'all', isDone?: (view: any) => boolean | Promise<boolean>,
 *   tell?: (line: string) => void, asked?: (job: import('@sibyl/client').Job) => void, misbehaved?: (view: any) => Promise<void>,
 * }} what `asked` hears of each job, `misbehaved` is called when the deed is done and the job is still open
 * @returns {Promise<any>} what is known of the job
 */
export async function misbehave(network, { deed, culprit, text, falseLabel, requester, ...rest }) {
  const [api, sibyl] = await Promise.all([network.api(), network.client()]);
  const { tell = () => {}, asked = () => {}, misbehaved = async () => {}, seats = SEATS } = rest;
  const { isDone = (view) => isCharged(api, view, culprit, DEEDS[deed]) } = rest;
  const node = network.node(culprit);
  const output = classification(falseLabel, FALSE_SCORE);
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const job = await sibyl.ask(MODEL, text, { signer: requester, seats, drawDelay: BEFORE_THE_DRAW });
    asked(job);
    if (deed === 'lie') await answer(node, job.fingerprint, output);
    const view = await waitForJob(api, job.number, 'to have a committee', isDrawn);
    if (seatOf(view, culprit) >= 0) {
      if (deed === 'withhold') await forget(api, node, job.number, output);
      tell(deed === 'lie'
        ? `${culprit} says “${falseLabel}”: its operator wrote that in the place of its engine's answer`
        : `${culprit} has committed; its operator makes it forget to what, so that it can't reveal`);
      await misbehaved(view);
    } else {
      tell(`${culprit} has no seat in job ${job.number}: its operator can do nothing but wait for another`);
      if (deed === 'lie') await takeBack(node, job.fingerprint);
    }
    const ended = await waitForEnd(api, job.number);
    if (await isDone(ended)) return ended;
  }
  throw new Error(`${culprit} did not come to ${deed} in ${ATTEMPTS} jobs`);
}

/** How many blocks a job of `misbehave` took, as if it had been drawn in the block after its submission. */
export function blocksOf(view) {
  return view.phase.asEnded.at.toNumber() - view.submittedAt.toNumber() - (BEFORE_THE_DRAW - 1);
}

/** Replaces what the seat will reveal, as soon as it is bound to something else. */
export async function forget(api, node, job, output) {
  const { view, vote } = await waitForVote(api, node, job);
  // Too late: the next job is tried.
  if (vote === null) return;
  const target = { fingerprint: view.fingerprint.toHex(), draw: committeeOf(view).draw.toHex(), round: 0 };
  await replaceOutput(node, target, seatOf(view, node.name), vote, output);
}

async function isCharged(api, view, culprit, fault) {
  const { publicKey } = accountNamed(culprit);
  const charges = eventsNamed(await eventsOfJob(api, view), 'SeatCharged');
  return charges.some(({ data }) => data.validator.eq(publicKey) && data.fault.type === fault && data.round.eq(0));
}

/**
 * Who paid, who earned and what the requester got, by the job's events, by `inferenceApi.validator` and by the balances
 * before and after the block that settled the job, in which nothing else must move money.
 * @param {Api} api
 * @param {any} view of the job when it has ended
 * @param {{ culprit: string, requester: import('@polkadot/keyring/types').KeyringPair, label: string }} expected
 */
export async function accountFor(api, view, { culprit, requester, label }) {
  const events = await eventsOfJob(api, view);
  const settledIn = await api.rpc.chain.getBlockHash(view.phase.asEnded.at);
  const { parentHash } = await api.rpc.chain.getHeader(settledIn);
  const at = [parentHash, settledIn];
  const { quote, settlement } = view;
  const { paid, refunded, protocolShare } = amounts(settlement.unwrap());

  const validators = await Promise.all(VALIDATORS.map(async (name) => {
    const { publicKey } = accountNamed(name);
    const of = (kind) => eventsNamed(events, kind).filter(({ data }) => data.validator.eq(publicKey));
    const [before, after] = await Promise.all(at.map((hash) => validatorAt(api, hash, name)));
    const fell = (field) => before[field].toBigInt() - after[field].toBigInt();
    const rose = (field) => after.record[field].toBigInt() - before.record[field].toBigInt();
    return {
      name,
      reveals: of('Revealed').length,
      charges: of('SeatCharged').map(({ data }) => data.amount.toBigInt()),
      faults: of('SeatCharged').map(({ data }) => data.fault.type),
      pay: sum(of('SeatPaid').map(({ data }) => data.amount.toBigInt())),
      bondFell: fell('bond'),
      charged: rose('charged'),
      earned: rose('earned'),
      reservedAfter: after.reserved.toBigInt(),
      balanceRose: await change(api, at, publicKey),
    };
  }));
  const wrong = validators.find(({ name }) => name === culprit);
  const others = validators.filter(({ name }) => name !== culprit);
  const all = (of) => sum(validators.map(of));
  const [pay, charges] = [all((each) => each.pay), all((each) => sum(each.charges))];
  const requesterRose = await change(api, at, requester.publicKey);
  const protocolRose = await change(api, at, protocolAccount(api));
  const answer = eventsNamed(events, 'Agreed').map(({ data }) => data.output.asAnswer.asClassification.label.toUtf8());
  const slash = await slashOf(api, settledIn, culprit);

  const isAnswered = view.phase.asEnded.verdict.isAgreed && answer.length === 1 && answer[0] === label;
  const isRefunded = !view.phase.asEnded.verdict.isAgreed && answer.length === 0 && refunded === quote.total.toBigInt();
  const charge = quote.seats.toBigInt() * quote.perSeat.toBigInt();
  return {
    verdict: view.phase.asEnded.verdict.type,
    answer: answer[0] ?? null,
    rounds: view.committees.length,
    price: { quoted: quote.total.toBigInt(), paid, refunded, protocolShare },
    charges, pay, slash, wrong, others,
    claims: [
      ['the requester has the right answer, or all of its money', isAnswered || isRefunded],
      [`${culprit} is charged the price of all seats for each fault`,
        wrong.charges.length > 0 && wrong.charges.every((amount) => amount === charge)],
      [`${culprit}'s bond fell by just that, and the chain counts it as charged`,
        wrong.bondFell === sum(wrong.charges) && wrong.charged === sum(wrong.charges)],
      [`${culprit} has lost by it`, wrong.balanceRose < 0n],
      ['nobody else is charged', others.every(({ charges: none, bondFell, charged }) =>
        none.length === 0 && bondFell === 0n && charged === 0n)],
      ['everybody else who revealed earned, what events and the chain\'s record say, and has it', others.every((other) =>
        (other.reveals > 0) === (other.pay > 0n) && other.earned === other.pay && other.balanceRose === other.pay)],
      ['more than half of the others did', 2 * others.filter(({ pay: earned }) => earned > 0n).length > others.length],
      ['nobody\'s bond is reserved any more', validators.every(({ reservedAfter }) => reservedAfter === 0n)],
      ['paid, refunded and the protocol\'s share add up to what was held',
        paid + refunded + protocolShare === quote.total.toBigInt()],
      ['the requester pays just that, and not more than the quote', requesterRose === -(paid + protocolShare)],
      ['the protocol has what charges and the price brought and seats did not get',
        protocolRose === paid + protocolShare + charges - pay],
      ['no money came into being or was lost', all((each) => each.balanceRose) + requesterRose + protocolRose === 0n],
    ],
  };
}

/**
 * The account in words, a line each.
 * @param {any} view of the job when it has ended
 * @param {Awaited<ReturnType<typeof accountFor>>} told
 */
export function whoPaid(view, { answer: label, price, charges, slash, wrong, others }) {
  const slashed = slash === null ? '' : `; ${slash / PARTS * 100} % of its stake will be slashed`;
  return [
    `who paid for job ${view.id}:`,
    `  Ferdie has ${label === null ? 'no answer' : `the answer ${label}`}: ${formatSib(price.quoted)} held, ${formatSib(price.refunded)} back`,
    `  ${wrong.name}: ${formatSib(charges)} of its bond (${wrong.faults.join(', ')}), ${formatSib(wrong.pay)} earned${slashed}`,
    ...others.map(({ name, pay }) => `  ${name}: ${formatSib(pay)} earned`),
  ];
}

const amounts = ({ paid, refunded, protocolShare }) =>
  ({ paid: paid.toBigInt(), refunded: refunded.toBigInt(), protocolShare: protocolShare.toBigInt() });

const sum = (numbers) => numbers.reduce((total, number) => total + number, 0n);

/** By how much an account's balance rose, what is held of it included. */
async function change(api, blocks, who) {
  const [before, after] = await Promise.all(blocks.map(async (hash) => {
    const { free, reserved } = (await (await api.at(hash)).query.system.account(who)).data;
    return free.toBigInt() + reserved.toBigInt();
  }));
  return after - before;
}

/** The account that charges go to: that of a pallet, as FRAME makes it of the pallet's name for it. */
function protocolAccount(api) {
  const id = u8aConcat(stringToU8a('modl'), hexToU8a(api.consts.inference.palletId.toHex()));
  return u8aConcat(id, new Uint8Array(32 - id.length));
}

/** The share of its stake that a validator is to lose, in parts of a billion; null where nothing is. */
async function slashOf(api, hash, name) {
  const { publicKey } = accountNamed(name);
  const reported = (await eventsAt(api, hash)).filter(api.events.staking.SlashReported.is);
  return reported.find(({ data }) => data.validator.eq(publicKey))?.data.fraction.toNumber() ?? null;
}
