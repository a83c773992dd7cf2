// A committee as it fills: each seat, and the blocks in which it did what.
import type { SeatVote, Step } from '@sibyl/client';

/** A seat, and when it was first seen to do what. */
export interface Seat {
  validator: string;
  vote: SeatVote;
  /** The block after which it had committed, or revealed; null where it was not seen to. */
  committedAt: number | null;
  revealedAt: number | null;
  /** Why it abstained. */
  reason: string | null;
  /** Whether it revealed what was agreed; null where it has not revealed, or nothing is agreed. */
  agrees: boolean | null;
}

/** A committee as it was seen. */
export interface SeenCommittee {
  round: number;
  drawnAt: number;
  serving: number;
  seats: Seat[];
}

/** A job's committees over its steps. */
export class SeatHistory {
  #seen = new Map<string, Seat>();
  #committees: SeenCommittee[] = [];

  /** Takes a step; a job that was seen only later has seats whose blocks are not known. */
  feed({ job, block }: Step, isFirst = false): void {
    if (job === null) {
      this.#seen.clear();
      this.#committees = [];
      return;
    }
    const seen = new Map<string, Seat>();
    this.#committees = job.committees.map(({ round, drawnAt, serving, seats }) => ({
      round,
      drawnAt,
      serving,
      seats: seats.map(({ validator, vote, outputHash, reason }, at) => {
        const key = `${round}/${drawnAt}/${at}/${validator}`;
        const before = this.#seen.get(key);
        const now = isFirst ? null : block.number;
        const hasCommitted = vote === 'committed' || vote === 'revealed';
        const seat: Seat = {
          validator,
          vote,
          committedAt: hasCommitted ? wasSeen(before, 'committed', before?.committedAt, now) : null,
          revealedAt: vote === 'revealed' ? wasSeen(before, 'revealed', before?.revealedAt, now) : null,
          reason: reason ?? null,
          agrees: outputHash === undefined || job.agreed === null ? null : outputHash === job.agreed.outputHash,
        };
        seen.set(key, seat);
        return seat;
      }),
    }));
    this.#seen = seen;
  }

  get committees(): readonly SeenCommittee[] {
    return this.#committees;
  }
}

// A seat that had done it before keeps its block, even where that is not known.
function wasSeen(before: Seat | undefined, what: 'committed' | 'revealed', at: number | null | undefined, now: number | null): number | null {
  const had = before !== undefined && (before.vote === 'revealed' || before.vote === what);
  return had ? at ?? null : now;
}

const count = (seats: number, of: number) => `${seats} of ${of} seats`;

/** Where a job stands, as a sentence for everybody. */
export function sentenceOf({ phase, isFinal, job, seats }: Step): string {
  switch (phase) {
    case 'lost':
      return 'The job fell off with its fork. It may come back.';
    case 'pending':
      return job?.hasSubstitutes && 3 * seats.committed <= 2 * seats.total
        ? 'Too few seats committed. The next block draws others for the rest.'
        : 'The job is in a block. The next block draws its committee.';
    case 'committing':
      return `${secondRound(job)}The committee is drawn, and computes: ${count(seats.committed, seats.total)} have committed.`;
    case 'revealing':
      return `${secondRound(job)}The commits are over: ${count(seats.revealed, seats.total)} have revealed.`;
    case 'agreed':
      return `The committee agrees: ${count(seats.revealed, seats.total)} have revealed${isFinal ? ', and the answer is final' : ''}.`;
    case 'ended':
      return `${endOf(job)} ${isFinal ? 'That is final.' : 'That is not final yet.'}`;
  }
}

const secondRound = (job: Step['job']) => ((job?.committees.length ?? 0) > 1 ? 'A second committee decides. ' : '');

function endOf(job: Step['job']): string {
  switch (job?.verdict) {
    case 'agreed':
      if (job.reused !== null) return `The answer is that of job ${job.reused}, on which a committee agreed before.`;
      return 'The committee has agreed.';
    case 'failed':
      return 'The committee has agreed that the model gives no answer.';
    case 'noQuorum':
      return 'Two committees did not agree. The whole price came back.';
    case 'expired':
      return 'Too few seats committed. The whole price came back.';
    default:
      return 'The job was cancelled. The whole price came back.';
  }
}

/** A step as a line of the log. */
export function lineOf(step: Step): string {
  return `#${step.block.number}${step.isFinal ? ', final' : ''}: ${sentenceOf(step)}`;
}
