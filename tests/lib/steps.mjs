// What becomes of a job, told step by step.
import { formatSib } from '@sibyl/client';

import { nameOf, shorten, show } from './show.mjs';

const ORDINALS = ['first', 'second'];

/**
 * Shows each step of a job as its block comes, until its end is final.
 * @param {import('@sibyl/client').Job} job
 * @param {string} text that was asked
 * @param {(line: string) => void} say
 * @returns {Promise<import('@sibyl/client').JobView>} what is known of it then
 */
export async function showSteps(job, text, say) {
  let before;
  for await (const { block, isFinal, phase, job: view } of job.follow()) {
    if (isFinal && phase === 'ended') return view;
    // What is final has been told, or is an end.
    if (isFinal || view === null) continue;
    for (const step of stepsBetween(before, view, text)) say(`#${block.number} job ${view.number}: ${step}`);
    before = view;
  }
}

/** What has happened to a job between two views of it, in a line each; seats that did the same in one together. */
function* stepsBetween(before, view, text) {
  if (before === undefined) yield `“${shorten(text)}” submitted, ${formatSib(view.quote.total)} held`;
  yield* together('committed', before, view, ['committed', 'revealed']);
  yield* together('abstained', before, view, ['abstained']);
  if (view.phase === 'revealing' && before?.phase !== 'revealing') yield `commits are over; reveals until #${view.deadline}`;
  yield* together('revealed', before, view, ['revealed']);
  if (view.agreed && !before?.agreed) yield `agreed, by ${supportOf(view.agreed.support)}`;
  if (view.audit.status === 'open' && before?.audit.status !== 'open') yield 'a second round audits the answer';
  if (view.phase === 'pending' && before?.phase === 'revealing') yield 'no agreement: a second round is to decide';
  if (view.phase === 'pending' && before?.phase === 'committing') yield 'too few commits: others are drawn for the seats that did not';
  const [earlier, now] = [before, view].map((of) => of?.committees[0]);
  if (earlier && now && view.hasSubstitutes && now.drawnAt > earlier.drawnAt) {
    yield `substitutes drawn: ${now.seats.map(({ validator }) => nameOf(validator)).join(', ')}; commits until #${view.deadline}`;
  }
  for (const { round, seats } of view.committees.slice(before?.committees.length ?? 0)) {
    yield `${ORDINALS[round]} committee drawn: ${seats.map(({ validator }) => nameOf(validator)).join(', ')}; ` +
      `commits until #${view.deadline}`;
  }
  if (view.settlement && !before?.settlement) {
    const { paid, refunded, protocolShare } = view.settlement;
    yield `settled (${view.verdict}): of the price ${formatSib(paid)} to seats, ${formatSib(protocolShare)} to the protocol, ` +
      `${formatSib(refunded)} back`;
  }
}

function* together(what, before, view, votes) {
  const having = (committee) => committee?.seats.filter(({ vote }) => votes.includes(vote)).map(({ validator }) => validator) ?? [];
  const names = view.committees.flatMap((committee, round) => {
    const had = having(before?.committees[round]);
    return having(committee).filter((validator) => !had.includes(validator)).map(nameOf);
  });
  if (names.length > 0) yield `${what}: ${names.join(', ')}`;
}

/** Of how many seats how many agreed. */
const supportOf = ({ agreed, seats, serving }) => `${agreed} of ${seats} seats (${serving} serve the model)`;

/**
 * How a job ended, as it was proven.
 * @param {import('@sibyl/client').VerifiedResult} result
 * @param {string[]} [choices] that the model had
 */
export function endOf({ number, status, answer, support, proof }, choices) {
  const said = answer ? `, ${show(answer, choices)}` : '';
  return `job ${number}: ${status}${said}${support ? `, by ${supportOf(support)}` : ''}, proven from block #${proof.block.number}`;
}
