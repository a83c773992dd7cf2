// The chain as this library sees it: a thin layer over polkadot-api, with this library's types and errors.
import { getDynamicBuilder, getLookupFn } from '@polkadot-api/metadata-builders';
import { AccountId, decAnyMetadata, unifyMetadata } from '@polkadot-api/substrate-bindings';
import type { PolkadotClient, PolkadotSigner, TxBroadcastEvent } from 'polkadot-api';

import { asSibylError, messageOf, SibylError } from './errors.js';
import type { ChainFormat } from './format.js';
import type { ChainInput } from './input.js';
import type { ChainOptions, ChainSeats } from './options.js';
import type {
  Hex, RawFeedPage, RawFeedView, RawJobView, RawLookup, RawModel, RawQuoteResult, RawResult, RawValidator,
} from './raw.js';
import type { BlockRef } from './types.js';

/** What is told of a transaction on its way. */
export type TxEvent = TxBroadcastEvent;

/** A call to `inference.submit`. */
export interface Submission {
  model: Hex;
  input: ChainInput;
  options: ChainOptions;
  max_fee: bigint;
}

/** How bytes of the chain are read at a block. */
export interface Context {
  lookup: ReturnType<typeof getLookupFn>;
  builder: ReturnType<typeof getDynamicBuilder>;
}

/** A header, as legacy JSON-RPC shows it. */
export interface JsonHeader {
  parentHash: Hex;
  number: Hex;
  stateRoot: Hex;
  extrinsicsRoot: Hex;
  digest: { logs: Hex[] };
}

type At = { at: string };

/** What of the chain's calls and storage is used; the metadata gives it at run time. */
interface UnsafeApi {
  apis: {
    InferenceApi: {
      models(after: Hex | undefined, limit: number, at: At): Promise<RawModel[]>;
      model(id: Hex, at: At): Promise<RawModel | undefined>;
      model_named(name: Uint8Array, at: At): Promise<Hex | undefined>;
      quote(
        model: Hex,
        seats: ChainSeats,
        inputUnits: number,
        outputUnits: number,
        format: ChainFormat,
        at: At,
      ): Promise<RawQuoteResult>;
      job(id: bigint, at: At): Promise<RawLookup<RawJobView>>;
      result(id: bigint, at: At): Promise<RawLookup<RawResult>>;
      validator(address: string, at: At): Promise<RawValidator>;
    };
    FeedsApi: {
      feed(id: number, at: At): Promise<RawFeedView | undefined>;
      feeds(from: number, limit: number, at: At): Promise<RawFeedPage>;
    };
    AccountNonceApi: { account_nonce(account: string, at: At): Promise<number> };
  };
  query: {
    Inference: { JobIds: { getValue(fingerprint: Hex, at: At): Promise<bigint | undefined> } };
    Session: { Validators: { getValue(at: At): Promise<string[]> } };
  };
  tx: {
    Inference: {
      submit(call: Submission): {
        signSubmitAndWatch(
          signer: PolkadotSigner,
          options: { nonce: number; tip: bigint; mortality: { mortal: true; period: number } },
        ): Observable<TxEvent>;
      };
    };
  };
}

interface Observable<T> {
  subscribe(observer: { next(value: T): void; error(error: unknown): void; complete?(): void }): {
    unsubscribe(): void;
  };
}

/** Blocks that a transaction may wait for. */
export const MORTALITY = 64;

/** As many models as the chain tells at once. */
const MODELS_AT_ONCE = 32;
/** The arguments of `inference.submit` that this library gives. */
const SUBMIT_ARGUMENTS = ['model', 'input', 'options', 'max_fee'];
const INPUT_KINDS = ['Text', 'Raw', 'Messages'];

const REQUEST_TIMEOUT = 60_000;
const STALL_TIMEOUT = 120_000;

/** A chain, over a node or a light client. */
export class Chain {
  #contexts = new WeakMap<Uint8Array, Context>();
  #isClosed = false;

  /**
   * @param source `light client` where what is read is verified already
   * @param name of the node or the chain, for errors
   */
  constructor(
    private readonly client: PolkadotClient,
    readonly source: 'node' | 'light client',
    readonly name: string,
    private readonly free: () => Promise<void>,
  ) {}

  get #api(): UnsafeApi {
    return this.client.getUnsafeApi() as unknown as UnsafeApi;
  }

  /** The newest finalised block. */
  async finalized(timeout = REQUEST_TIMEOUT): Promise<BlockRef> {
    return blockRef(await this.#within('the newest finalised block', this.client.getFinalizedBlock(), timeout));
  }

  /** The best block. */
  async best(): Promise<BlockRef> {
    const [best] = await this.#within('the best block', this.client.getBestBlocks());
    return blockRef(best!);
  }

  /**
   * The best chain's blocks that are not final, the newest first, and the newest final one behind them: now, and
   * whenever that changes. Who is slow is told of the newest state alone.
   */
  async *blocks(signal?: AbortSignal): AsyncGenerator<BlockRef[], void, void> {
    let newest: BlockRef[] | undefined;
    let failure: SibylError | undefined;
    let wake = () => {};
    const fail = (error: SibylError) => {
      failure ??= error;
      wake();
    };
    const abort = () => fail(new SibylError('Aborted', 'The wait was ended by its signal.'));
    const subscription = this.client.bestBlocks$.subscribe({
      next: (blocks) => {
        newest = blocks.map(blockRef);
        wake();
      },
      error: (error) => fail(this.#failure('the chain’s blocks', error)),
      complete: () => fail(this.#failure('the chain’s blocks', new Error('they ended'))),
    });
    signal?.addEventListener('abort', abort);
    if (signal?.aborted) abort();
    try {
      for (;;) {
        if (newest === undefined && failure === undefined)
          await this.#orStall(
            new Promise<void>((resolve) => {
              wake = resolve;
            }),
          );
        if (failure !== undefined) throw failure;
        const blocks = newest!;
        newest = undefined;
        yield blocks;
      }
    } finally {
      signal?.removeEventListener('abort', abort);
      subscription.unsubscribe();
    }
  }

  /** The models after this one, as many as the chain tells at once. */
  models(after?: Hex, at = 'best'): Promise<RawModel[]> {
    return this.#within('the models', this.#api.apis.InferenceApi.models(after, MODELS_AT_ONCE, { at }));
  }

  /** A model by its id. */
  model(id: Hex, at = 'best'): Promise<RawModel | undefined> {
    return this.#within('a model', this.#api.apis.InferenceApi.model(id, { at }));
  }

  /** The id of the model of that name. */
  modelNamed(name: string, at = 'best'): Promise<Hex | undefined> {
    return this.#within('a model', this.#api.apis.InferenceApi.model_named(new TextEncoder().encode(name), { at }));
  }

  /** What a job costs, or why it has no price. */
  quote(
    model: Hex,
    seats: ChainSeats,
    inputUnits: number,
    outputUnits: number,
    format: ChainFormat,
  ): Promise<RawQuoteResult> {
    const quote = this.#api.apis.InferenceApi.quote(model, seats, inputUnits, outputUnits, format, { at: 'best' });
    return this.#within('a quote', quote);
  }

  /** A job by its number. */
  job(number: bigint, at = 'best'): Promise<RawLookup<RawJobView>> {
    return this.#within(`job ${number}`, this.#api.apis.InferenceApi.job(number, { at }));
  }

  /** A job's result by its number. */
  result(number: bigint, at: string): Promise<RawLookup<RawResult>> {
    return this.#within(`the result of job ${number}`, this.#api.apis.InferenceApi.result(number, { at }));
  }

  /** The number that a job has in the chain of a block; undefined where it has none. */
  numberOf(fingerprint: Hex, at = 'best'): Promise<bigint | undefined> {
    return this.#within(`job ${fingerprint}`, this.#api.query.Inference.JobIds.getValue(fingerprint, { at }));
  }

  /** Addresses of the present session's validators. */
  validators(): Promise<string[]> {
    return this.#within('the validators', this.#api.query.Session.Validators.getValue({ at: 'best' }));
  }

  /** What a validator has bonded, has open, and has done. */
  validator(address: string): Promise<RawValidator> {
    return this.#within(`validator ${address}`, this.#api.apis.InferenceApi.validator(address, { at: 'best' }));
  }

  /** A feed by its number; undefined where there is none. */
  feed(id: number, at: string): Promise<RawFeedView | undefined> {
    return this.#within(`feed ${id}`, this.#api.apis.FeedsApi.feed(id, { at }));
  }

  /** Feeds by their numbers, from this one on. */
  feeds(from: number, limit: number, at: string): Promise<RawFeedPage> {
    return this.#within('the feeds', this.#api.apis.FeedsApi.feeds(from, limit, { at }));
  }

  /** The chain's name, and the hash of its first block. */
  async identity(): Promise<{ name: string; genesis: Hex }> {
    const { name, genesisHash } = await this.#within('its name', this.client.getChainSpecData());
    return { name, genesis: genesisHash as Hex };
  }

  /** The nonce of an account's next transaction, those in the node's pool counted. */
  async nextNonce(publicKey: Uint8Array): Promise<number> {
    const { builder } = await this.context((await this.best()).hash);
    const address = AccountId(builder.ss58Prefix).dec(publicKey);
    const asked =
      this.source === 'node'
        ? this.request<number>('system_accountNextIndex', address)
        : this.#api.apis.AccountNonceApi.account_nonce(address, { at: 'best' });
    return this.#within('the account’s next nonce', asked);
  }

  /** Signs a submission, sends it, and keeps sending it until it is final. */
  submit(call: Submission, signer: PolkadotSigner, nonce: number, tip: bigint): Observable<TxEvent> {
    const mortality = { mortal: true, period: MORTALITY } as const;
    return this.#api.tx.Inference.submit(call).signSubmitAndWatch(signer, { nonce, tip, mortality });
  }

  /** A value of the storage as it is, null where there is none. Over a light client it is verified. */
  async stored(key: Hex, at: Hex): Promise<Hex | null> {
    return (await this.#within('a value of the storage', this.client.rawQuery(key, { at }))) as Hex | null;
  }

  /** A block's number, and the root of its state. */
  async header(hash: Hex): Promise<{ number: number; stateRoot: Hex }> {
    const { number, stateRoot } = await this.#within('a header', this.client.getBlockHeader(hash));
    return { number, stateRoot: stateRoot as Hex };
  }

  /** Keeps a block, and returns what lets it go. */
  hold(hash: Hex): () => void {
    return this.client.hodlBlock(hash);
  }

  /** A call of the older JSON-RPC: of nodes, and of the light client where it has it, too. */
  request<Reply>(method: string, ...params: unknown[]): Promise<Reply> {
    return this.#within(method, this.client._request<Reply>(method, params));
  }

  /** How bytes are read at a block. */
  async context(hash: Hex): Promise<Context> {
    const metadata = await this.#within('the metadata', this.client.getMetadata(hash));
    const known = this.#contexts.get(metadata);
    if (known !== undefined) return known;
    const lookup = getLookupFn(unifyMetadata(decAnyMetadata(metadata)));
    const context = { lookup, builder: getDynamicBuilder(lookup) };
    this.#contexts.set(metadata, context);
    return context;
  }

  /** Throws where the chain is none that this library speaks with. */
  async checkVersion(): Promise<void> {
    const { lookup } = await this.context((await this.finalized()).hash);
    const calls = lookup.metadata.pallets.find(({ name }) => name === 'Inference')?.calls;
    if (calls === undefined)
      throw new SibylError('WrongChain', `${this.name} is no chain of Sibyl: it has no pallet Inference.`);
    const call = lookup(calls.type);
    const submit = call.type === 'enum' ? call.value.submit : undefined;
    const fields = submit?.type === 'struct' ? submit.value : {};
    const kinds = fields.input?.type === 'enum' ? Object.keys(fields.input.value) : [];
    if (Object.keys(fields).join() !== SUBMIT_ARGUMENTS.join() || kinds.join() !== INPUT_KINDS.join()) {
      throw new SibylError(
        'WrongChain',
        `${this.name} takes jobs in another way than this version of @sibyl/client gives them: update it.`,
      );
    }
  }

  /** What the metadata says of an error of a pallet. */
  async errorDocs(pallet: string, name: string): Promise<string> {
    const { lookup } = await this.context((await this.best()).hash);
    const type = lookup.metadata.pallets.find((each) => each.name === pallet)?.errors?.type;
    const errors = type === undefined ? undefined : lookup(type);
    return errors?.type === 'enum' ? (errors.innerDocs[name] ?? []).join(' ').trim() : '';
  }

  /** Whether the node says that it is still syncing. A light client has synced before it answers. */
  async isSyncing(): Promise<boolean> {
    if (this.source !== 'node') return false;
    return (await this.request<{ isSyncing: boolean }>('system_health')).isSyncing;
  }

  /** Ends all that is under way. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.client.destroy();
    await this.free();
  }

  async #within<T>(what: string, promise: Promise<T>, timeout = REQUEST_TIMEOUT): Promise<T> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      const error = new SibylError(
        'Timeout',
        `${this.name} gave no answer within ${timeout / 1000} s when asked for ${what}.`,
      );
      timer = setTimeout(() => reject(error), timeout);
    });
    try {
      return await Promise.race([promise, late]);
    } catch (error) {
      throw this.#failure(what, error);
    } finally {
      clearTimeout(timer);
    }
  }

  async #orStall(change: Promise<void>): Promise<void> {
    await this.#within('its blocks', change, STALL_TIMEOUT);
  }

  #failure(what: string, error: unknown): SibylError {
    if (this.#isClosed) return new SibylError('Closed', 'The client was closed.', { cause: error });
    return asSibylError('NodeFailed', `${this.name} can't tell ${what}`, error);
  }
}

const blockRef = ({ hash, number }: { hash: string; number: number }): BlockRef => ({ hash: hash as Hex, number });

/** Whether an error says that a block is not kept any more, so that the next one is to be asked. */
export function isForgotten(error: unknown): boolean {
  const cause = error instanceof SibylError ? error.cause : error;
  return (
    cause instanceof Error && (cause.name === 'BlockNotPinnedError' || /not pinned|NotPinned/.test(messageOf(cause)))
  );
}
