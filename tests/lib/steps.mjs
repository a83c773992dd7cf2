// What becomes of jobs, told step by step.
import { bestBlocks } from './blocks.mjs';
import { eventsAt } from './chain.mjs';
import { jobAt } from './inference.mjs';
import { inSib, listNames, shorten, verdictOf } from './show.mjs';

const ORDINALS = ['first', 'second'];
const FAULTS = {
  Withheld: 'committed and did not reveal',
  Lost: 'revealed what lost',
  Contradicted: 'said what the second round contradicts',
};

/**
 * Shows each step of the jobs as its block comes, until all have ended in the best chain.
 * @param {import('@polkadot/api').ApiPromise} api
 * @param {Map<number, string>} jobs their texts, by their numbers
 * @param {import('@polkadot/types/interfaces').Header} start the block before the first that matters
 * @param {(line: string) => void} say
 */
export async function showSteps(api, jobs, start, say) {
  const open = new Set(jobs.keys());
  if (open.size === 0) return;
  for await (const { number, hash } of bestBlocks(api, start)) {
    const events = await eventsAt(api, hash);
    for (const [job, text] of jobs) {
      const ofJob = events.filter(({ section, data }) => section === 'inference' && data.job?.eq(job));
      for (const step of describe(ofJob, text)) say(`#${number} job ${job}: ${step}`);
      if ((await jobAt(api, hash, job))?.phase.isEnded) open.delete(job);
    }
    if (open.size === 0) return;
  }
}

/** A job's events of one block, in a line each; those of single seats in one together. */
function describe(events, text) {
  const named = (name) => events.filter(({ method }) => method === name).map(({ data }) => data);
  const seats = (name) => listNames(named(name).map(({ validator }) => validator));
  const together = (name, what) => (named(name).length > 0 ? [`${what}: ${seats(name)}`] : []);
  return [
    ...named('JobSubmitted').map(({ quote }) => `“${shorten(text)}” submitted, ${inSib(quote.total)} held`),
    ...together('Committed', 'committed'),
    ...together('Abstained', 'abstained'),
    ...named('RevealingBegan').map(({ deadline }) => `commits are over; reveals until #${deadline}`),
    ...together('Revealed', 'revealed'),
    ...named('Agreed').map(({ output, support }) => `agreed: ${verdictOf(output)}, by ${supportOf(support)}`),
    ...named('SecondRoundBegan').map(({ isAudit }) =>
      (isAudit.isTrue ? 'a second round audits the answer' : 'no agreement: a second round is to decide')),
    ...named('CommitteeDrawn').map(({ seats: members, round, commitDeadline }) =>
      `${ORDINALS[round]} committee drawn: ${listNames(members)}; commits until #${commitDeadline}`),
    ...named('SeatCharged').map(({ validator, round, fault, amount }) =>
      `${listNames([validator])} ${FAULTS[fault.type]} in the ${ORDINALS[round]} committee: ` +
      `${inSib(amount)} of its service bond are gone`),
    ...named('Settled').map(({ verdict, paid, refunded, protocolShare }) => `settled (${verdict}): of the price ` +
      `${inSib(paid)} to seats, ${inSib(protocolShare)} to the protocol, ${inSib(refunded)} back`),
  ];
}

/** Of how many seats how many agreed. */
export const supportOf = ({ agreed, seats, serving }) => `${agreed} of ${seats} seats (${serving} serve the model)`;
