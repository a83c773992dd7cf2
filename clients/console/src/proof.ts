// Verifying in the page: a job's result from a light client's own reading of the chain.
import { SibylError, type Hex, type Job, type JobResult, type JobView, type Sibyl, type VerifiedResult } from '@sibyl/client';
import { AccountId } from 'polkadot-api';

import { choicesOf, shown } from './answer.js';
import type { Entry } from './history.js';
import { questionOfView } from './request.js';
import { hexOf } from './signers.js';
import { PlainError } from './trouble.js';

/** Final blocks of the light client within which it must know a job that is final. */
const PATIENCE = 20;

/** What a light client has proven. */
export interface Proven {
  result: VerifiedResult;
  view: JobView;
}

/** What is to be proven. */
export interface Claim {
  fingerprint: Hex;
  /** The first block of the chain that the page shows. */
  genesis: Hex;
  /** What was asked here, where it was asked here. */
  entry: Entry | undefined;
  /** What the node told; undefined where the light client itself did. */
  told: JobResult | undefined;
}

/** Proves a job's result; throws where it is another one than was told, or of another question than was asked. */
export async function prove(light: Sibyl, { fingerprint, genesis, entry, told }: Claim): Promise<Proven> {
  const chain = await light.network();
  if (chain.genesis !== genesis) {
    throw new PlainError(
      `The specification is of another chain, “${chain.name}”, than the node's.`,
      'Give the specification of the chain that you mean. If you are sure that it is, the node is on another chain: connect to another one.',
    );
  }
  const job = await found(light, fingerprint);
  const result = await job.verify();
  const view = await job.view();
  if (entry !== undefined && questionOfView(view, hexOf(AccountId().enc(view.requester))) !== entry.question) {
    throw new PlainError('The chain has another question under this fingerprint than you asked.', 'Do not rely on this answer, nor on the node that you asked by.');
  }
  if (told !== undefined && !isSame(told, result, choicesOf(view))) {
    throw new PlainError('The node told another result than the chain’s state has.', 'Do not rely on this node. Connect to another one, or use a light client.');
  }
  return { result, view };
}

// What a node calls final may be new to the light client, which hears of it from its peers.
async function found(light: Sibyl, fingerprint: Hex): Promise<Job> {
  let blocks = 0;
  for await (const _ of light.blocks()) {
    try {
      return await light.job(fingerprint);
    } catch (error) {
      blocks += 1;
      if (!(error instanceof SibylError) || error.code !== 'UnknownJob' || blocks >= PATIENCE) throw error;
    }
  }
  throw new SibylError('Closed', 'The light client was ended.');
}

/** Whether two results say the same to whoever reads them. */
export function isSame(one: JobResult, other: JobResult, choices: readonly string[]): boolean {
  const read = (result: JobResult) => {
    const { answer, bars } = shown(result, choices);
    return JSON.stringify([result.status, result.refusal, result.outputHash, result.support, answer, bars]);
  };
  return read(one) === read(other);
}
