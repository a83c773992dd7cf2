import { SibylError } from './errors.js';
import type { Hex } from './raw.js';
import type { BlockRef, JobView, Step } from './types.js';

/** What following needs of a chain. */
export interface Followed {
  /** The best chain's blocks, the newest first and a final one last, whenever they change. */
  blocks(signal?: AbortSignal): AsyncIterable<BlockRef[]>;
  /**
   * What a block's chain knows of a job; undefined where it knows no such job, `forgotten` where the block can't be
   * asked.
   */
  jobAt(fingerprint: Hex, block: Hex): Promise<JobView | undefined | 'forgotten'>;
}

/** Final blocks without the job after which it is lost for good, where nothing else is known. */
const PATIENCE = 64;

/**
 * A job's steps as the best chain has them, and with `isFinal` when its submission, its answer and its end are final.
 *
 * The job is known by its fingerprint alone, since another fork may give it another number.
 *
 * @param expiresAt the last block that its transaction can be in; where it is final without the job, the job is lost
 */
export async function* follow(
  chain: Followed,
  fingerprint: Hex,
  expiresAt?: number,
  signal?: AbortSignal,
): AsyncGenerator<Step, void, void> {
  let told: string | undefined;
  let toldFinal: string | undefined;
  let views = new Map<Hex, JobView | undefined>();
  let lastFinal: BlockRef | undefined;

  for await (const blocks of chain.blocks(signal)) {
    const seen = new Map<Hex, JobView | undefined>();
    for (const block of [...blocks].reverse()) {
      const view = views.has(block.hash) ? views.get(block.hash) : await chain.jobAt(fingerprint, block.hash);
      if (view === 'forgotten') continue;
      const isNew = !views.has(block.hash);
      seen.set(block.hash, view);
      if (!isNew) continue;
      const step = stepOf(block, view, false);
      const progress = progressOf(step);
      // A job that has never been seen is not lost but yet to come.
      if (progress === told || (view === undefined && told === undefined)) continue;
      told = progress;
      yield step;
    }
    views = seen;

    const final = blocks.at(-1);
    if (final === undefined || final.hash === lastFinal?.hash || !seen.has(final.hash)) continue;
    lastFinal = final;
    const view = seen.get(final.hash);
    if (view === undefined) {
      expiresAt ??= final.number + PATIENCE;
      if (final.number < expiresAt) continue;
      throw new SibylError(
        'JobLost',
        `Job ${fingerprint} is on no fork that block #${final.number}, which is final, stands on: it was lost with its fork, and nothing is held for it.`,
      );
    }
    const step = stepOf(final, view, true);
    const milestone = milestoneOf(step);
    if (milestone !== toldFinal) {
      toldFinal = milestone;
      yield step;
    }
    if (step.phase === 'ended') return;
  }
}

function stepOf(block: BlockRef, job: JobView | undefined, isFinal: boolean): Step {
  const seats = job?.committees.at(-1)?.seats ?? [];
  const having = (...votes: string[]) => seats.filter(({ vote }) => votes.includes(vote)).length;
  return {
    phase: phaseOf(job),
    block,
    isFinal,
    job: job ?? null,
    seats: { total: seats.length, committed: having('committed', 'revealed'), revealed: having('revealed') },
  };
}

function phaseOf(job: JobView | undefined): Step['phase'] {
  if (job === undefined) return 'lost';
  return job.phase !== 'ended' && job.agreed !== null ? 'agreed' : job.phase;
}

/** What of a final step is news: its submission, its answer, and its end. */
const milestoneOf = ({ phase }: Step): string => (phase === 'agreed' || phase === 'ended' ? phase : 'submitted');

/** What makes a step another one than that before. */
function progressOf({ phase, job, seats }: Step): string {
  return [phase, job?.number, job?.committees.length, seats.committed, seats.revealed, job?.audit.status].join('/');
}
