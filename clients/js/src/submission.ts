import type { PolkadotSigner } from 'polkadot-api';

import type { Chain, Submission, TxEvent } from './chain.js';
import { asSibylError, DispatchError, messageOf, SibylError } from './errors.js';
import { toHex } from './hex.js';
import type { Hex } from './raw.js';
import type { BlockRef } from './types.js';

/** A job in a best block. */
export interface Submitted {
  number: bigint;
  fingerprint: Hex;
  txHash: Hex;
  block: BlockRef;
}

// What is meant by the chain's reasons for which a transaction can't come into a block.
const INVALID: Record<string, string> = {
  Payment: "the account can't pay the transaction fee",
  Stale: 'its nonce has been used',
  Future: 'its nonce is too high',
  BadProof: 'its signature is not of this chain, or of its present version',
  AncientBirthBlock: 'it waited for too long',
  ExhaustsResources: 'it is too large for a block',
};

/** Nonces for several transactions of an account within one block. */
export class Nonces {
  #next = new Map<Hex, { nonce: number; until: number }>();
  #turn: Promise<unknown> = Promise.resolve();

  /**
   * @param ask the chain's next nonce of an account, its pool counted
   * @param patience milliseconds after which the chain knows all that was sent
   */
  constructor(
    private readonly ask: (publicKey: Uint8Array) => Promise<number>,
    private readonly patience = 60_000,
    private readonly now = Date.now,
  ) {}

  /** The next nonce, never the same one twice unless it was given back. */
  take(publicKey: Uint8Array): Promise<number> {
    const taken = this.#turn.then(async () => {
      const account = toHex(publicKey);
      const asked = await this.ask(publicKey);
      const mine = this.#next.get(account);
      const nonce = mine !== undefined && mine.until > this.now() ? Math.max(asked, mine.nonce) : asked;
      this.#next.set(account, { nonce: nonce + 1, until: this.now() + this.patience });
      return nonce;
    });
    this.#turn = taken.catch(() => {});
    return taken;
  }

  /** A nonce was not used: the chain is to be asked again. */
  giveBack(publicKey: Uint8Array): void {
    this.#next.delete(toHex(publicKey));
  }
}

/**
 * Submits a job. Resolves when it is in a best block, and sends it again where that block's fork is left; rejects
 * when it is refused in a final block, or can't come into one.
 */
export async function submit(
  chain: Chain,
  nonces: Nonces,
  call: Submission,
  signer: PolkadotSigner,
  tip: bigint,
): Promise<Submitted> {
  const nonce = await nonces.take(signer.publicKey);
  return new Promise((resolve, reject) => {
    let wasSigned = false;
    const fail = (error: SibylError) => {
      nonces.giveBack(signer.publicKey);
      reject(error);
    };
    // Not unsubscribed when it is in a block: the transaction would not be sent again then.
    chain.submit(call, signer, nonce, tip).subscribe({
      next: (event) => {
        wasSigned ||= event.type === 'signed';
        if (isDecided(event)) outcomeOf(chain, event).then(resolve, reject);
      },
      error: (error) => {
        fail(wasSigned ? transactionError(error) : asSibylError('SigningFailed', 'The job could not be signed', error));
      },
    });
  });
}

type Included = TxEvent & ({ type: 'finalized' } | { type: 'txBestBlocksState'; found: true });

// What is refused on one fork may be taken on the next, and cost then, so that only a final block refuses.
const isDecided = (event: TxEvent): event is Included =>
  event.type === 'finalized' || (event.type === 'txBestBlocksState' && event.found && event.ok);

async function outcomeOf(chain: Chain, event: Included): Promise<Submitted> {
  if (!event.ok) throw await dispatchError(chain, event.dispatchError);
  const submitted = event.events.find(({ type, value }) => type === 'Inference' && value.type === 'JobSubmitted');
  if (submitted === undefined)
    throw new SibylError('NodeFailed', `${chain.name} shows no JobSubmitted among the transaction's events.`);
  const { job, fingerprint } = submitted.value.value as { job: bigint; fingerprint: Hex };
  const { hash, number } = event.block;
  return { number: job, fingerprint, txHash: event.txHash as Hex, block: { hash: hash as Hex, number } };
}

/** An error of a pallet by its name, with what the metadata says of it. */
export async function dispatchError(
  chain: Pick<Chain, 'errorDocs'>,
  error: { type: string; value: unknown },
): Promise<DispatchError> {
  const inner = error.value as { type?: string; value?: { type?: string } } | undefined;
  if (error.type === 'Module' && inner?.type !== undefined && inner.value?.type !== undefined) {
    const docs = await chain.errorDocs(inner.type, inner.value.type).catch(() => '');
    return new DispatchError(inner.type, inner.value.type, docs);
  }
  return new DispatchError(error.type, inner?.type ?? 'Error', '');
}

function transactionError(thrown: unknown): SibylError {
  if (thrown instanceof SibylError) return thrown;
  const { error } = thrown as { error?: { type?: string; value?: { type?: string } } };
  const reason = error?.value?.type;
  const why = reason === undefined ? messageOf(thrown) : (INVALID[reason] ?? reason);
  return new SibylError('TransactionInvalid', `The transaction can't come into a block: ${why}.`, { cause: thrown });
}
