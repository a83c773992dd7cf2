import { isForgotten, MORTALITY, type Chain } from './chain.js';
import { jobOf, resultOf } from './decode.js';
import { SibylError } from './errors.js';
import { follow, type Followed } from './follow.js';
import { checkNames } from './names.js';
import type { Hex } from './raw.js';
import type { Receipt } from './receipt.js';
import { requestReceipt } from './receipt-request.js';
import type { JobResult, JobView, Step, VerifiedResult } from './types.js';
import { verify, type Question, type VerifyOptions } from './verify.js';

/** How a wait may end before its time. */
export interface WaitOptions {
  /** Ends it, with an error of the code `Aborted`. */
  signal?: AbortSignal;
}

const ATTEMPTS = 5;

/** A job, known by its fingerprint on whatever fork it is. */
export class Job {
  #told: JobResult | undefined;
  #number: bigint;

  /** @internal */
  constructor(
    private readonly chain: Chain,
    /** What identifies the job on every fork. */
    readonly fingerprint: Hex,
    number: bigint,
    private readonly question?: Question,
    /** The hash of the transaction that submitted it, where this client did. */
    readonly txHash?: Hex,
  ) {
    this.#number = number;
  }

  /**
   * Its number on the fork where it was seen last. Another fork may give it another one, until its submission is final:
   * remember the fingerprint.
   */
  get number(): bigint {
    return this.#number;
  }

  /** What the best block's chain knows of it. */
  async view(): Promise<JobView> {
    const { hash } = await this.chain.best();
    const view = await jobAt(this.chain, this.fingerprint, hash);
    if (view === undefined || view === 'forgotten') throw await unknownJob(this.chain, this.fingerprint);
    this.#number = view.number;
    return view;
  }

  /**
   * Its steps as they come, from where it stands to its end in a final block: what the best block says, and once more
   * with `isFinal` when its submission, its answer and its end are final.
   */
  async *follow(options: WaitOptions = {}): AsyncGenerator<Step, void, void> {
    checkNames(options, ['signal'], 'follow');
    const followed: Followed = {
      blocks: (signal) => this.chain.blocks(signal),
      jobAt: (fingerprint, block) => jobAt(this.chain, fingerprint, block),
    };
    const expiresAt = this.question === undefined ? undefined : this.question.after + MORTALITY + 1;
    for await (const step of follow(followed, this.fingerprint, expiresAt, options.signal)) {
      if (step.job !== null) this.#number = step.job.number;
      yield step;
    }
  }

  /** Waits for its result, and for that to be final. The node's word, unless it is a light client: see `verify`. */
  async result(options: WaitOptions = {}): Promise<JobResult> {
    checkNames(options, ['signal'], 'result');
    if (this.#told !== undefined) return this.#told;
    for await (const { isFinal, phase } of this.follow(options)) {
      if (isFinal && (phase === 'agreed' || phase === 'ended')) break;
    }
    this.#told = await this.#read();
    return this.#told;
  }

  /**
   * Waits for its result, and takes it from a proof of the chain's state.
   *
   * Throws where the proof does not hold, where it is of another question than was asked here, and where `result` told
   * something else.
   */
  async verify(options: VerifyOptions & WaitOptions = {}): Promise<VerifiedResult> {
    checkNames(options, ['signal', 'block', 'trustMetadata'], 'verify');
    const { signal, ...rest } = options;
    const told = await this.result(signal === undefined ? {} : { signal });
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await verify(this.chain, this.fingerprint, { question: this.question, told, options: rest });
      } catch (error) {
        if (!isForgotten(error) || attempt === ATTEMPTS) throw error;
      }
    }
  }

  /**
   * What shows anybody, without a node, what was agreed on. It is there once the job has ended in a final block, and comes
   * from a node alone, unchecked: see `verifyReceipt`.
   */
  async receipt(): Promise<Receipt> {
    // In a final block the number is no other job's.
    const number = await this.chain.numberOf(this.fingerprint, 'finalized');
    if (number === undefined) throw await this.#noReceipt();
    return requestReceipt(this.chain, number);
  }

  async #noReceipt(): Promise<SibylError> {
    if ((await this.chain.numberOf(this.fingerprint)) !== undefined)
      return new SibylError('NoResult', `Job ${this.number} is in no final block yet, so there is no receipt.`);
    const { type } = await this.chain.job(this.number);
    return type === 'Pruned' ? prunedJob(this.number) : unknownJob(this.chain, this.fingerprint);
  }

  /** The result after the newest final block. */
  async #read(): Promise<JobResult> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        const block = await this.chain.finalized();
        const view = await jobAt(this.chain, this.fingerprint, block.hash, true);
        const found = view === undefined ? undefined : await this.chain.result(view.id, block.hash);
        if (view === undefined || found?.type !== 'Found') throw await unknownJob(this.chain, this.fingerprint);
        const job = { number: view.id, fingerprint: this.fingerprint, block, format: view.options.format };
        const result = resultOf(job, found.value);
        if (result !== undefined) return result;
        if (attempt === ATTEMPTS)
          throw new SibylError('NoResult', `Job ${view.id} has no result at block #${block.number}.`);
      } catch (error) {
        if (!isForgotten(error) || attempt === ATTEMPTS) throw error;
      }
    }
  }
}

type Raw = Extract<Awaited<ReturnType<Chain['job']>>, { type: 'Found' }>['value'];

async function jobAt(chain: Chain, fingerprint: Hex, block: Hex): Promise<JobView | undefined | 'forgotten'>;
async function jobAt(chain: Chain, fingerprint: Hex, block: Hex, raw: true): Promise<Raw | undefined>;
async function jobAt(
  chain: Chain,
  fingerprint: Hex,
  block: Hex,
  raw = false,
): Promise<Raw | JobView | undefined | 'forgotten'> {
  try {
    const number = await chain.numberOf(fingerprint, block);
    if (number === undefined) return undefined;
    const found = await chain.job(number, block);
    if (found.type !== 'Found') return undefined;
    return raw ? found.value : jobOf(found.value);
  } catch (error) {
    if (!raw && isForgotten(error)) return 'forgotten';
    throw error;
  }
}

/** Why a job is not kept any more. */
export const prunedJob = (number: bigint): SibylError =>
  new SibylError('PrunedJob', `The retention of job ${number} is over: only its events remain.`);

/** Why a job is not known. */
export async function unknownJob(chain: Chain, job: bigint | Hex): Promise<SibylError> {
  return (await chain.isSyncing())
    ? new SibylError(
        'NodeSyncing',
        `${chain.name} is still syncing, so it does not know of job ${job} yet: ask again when it has synced.`,
      )
    : new SibylError('UnknownJob', `${chain.name} knows no job ${job}.`);
}
