import type { Chain } from './chain.js';
import { feedOf, modelOf, validatorOf } from './decode.js';
import { SibylError } from './errors.js';
import { isHexOf } from './hex.js';
import { inputBytes, toChainInput, type ChainInput, type Input } from './input.js';
import { Job, prunedJob, unknownJob, type WaitOptions } from './job.js';
import { checkNames, checkObject, nearestOf, show } from './names.js';
import { amount, small, u64 } from './numbers.js';
import { JOB_OPTIONS, toChainOptions, type ChainOptions, type JobOptions } from './options.js';
import { priceOf, refusal, tooDear } from './quote.js';
import type { Hex, RawModel } from './raw.js';
import { toPolkadotSigner, type Signer } from './signer.js';
import { Nonces, submit } from './submission.js';
import type { BlockRef, Feed, FeedPage, Heads, Model, Network, Quote, Validator } from './types.js';

/** What is chosen about a job that is asked. */
export interface AskOptions extends JobOptions {
  /** Who asks and pays. */
  signer: Signer;
  /** The most that the job may cost, in 10⁻¹² SIB; the price that it has now where this is left out. */
  maxFee?: bigint;
  /** A tip for the block's author, in 10⁻¹² SIB. */
  tip?: bigint;
  /**
   * Whether the price is asked for first, so that what the chain would refuse costs nothing; true where it is left
   * out.
   */
  check?: boolean;
}

/** Which feeds are listed. */
export interface FeedOptions {
  /** The least number; 0 where it is left out. */
  from?: number;
  /** How many at most, up to 64, which it is where it is left out. */
  limit?: number;
}

const HASH_BYTES = 32;
const NAME_BYTES = 64;
const U32_MAX = 2 ** 32 - 1;
/** Feeds that the chain lists at a time. */
const MAX_LISTED_FEEDS = 64;
const ASK_OPTIONS = [...JOB_OPTIONS, 'signer', 'maxFee', 'tip', 'check'];
/** Types of chains whose accounts have public keys. */
const FOR_DEVELOPERS = ['Development', 'Local'];
/** A fee limit that is none. */
const ANY_FEE = 2n ** 128n - 1n;

/** A connection to a chain of Sibyl. */
export class Sibyl {
  readonly #nonces: Nonces;

  /** @internal */
  constructor(private readonly chain: Chain) {
    this.#nonces = new Nonces((publicKey) => chain.nextNonce(publicKey));
  }

  /** Whether the chain is read by a light client, which verifies what it reads, or is a node's word. */
  get source(): 'node' | 'light client' {
    return this.chain.source;
  }

  /** The models that the chain knows. */
  async models(): Promise<Model[]> {
    const models: RawModel[] = [];
    for (;;) {
      const page = await this.chain.models(models.at(-1)?.id);
      models.push(...page);
      if (page.length === 0) return models.map(modelOf);
    }
  }

  /** A model by its name or its id. */
  async model(nameOrId: string): Promise<Model> {
    if (typeof nameOrId !== 'string')
      throw new SibylError('InvalidArgument', `a model is its name or its id, not ${show(nameOrId)}.`);
    const id = isHexOf(nameOrId, HASH_BYTES) ? (nameOrId.toLowerCase() as Hex) : await this.#idOf(nameOrId);
    const model = id === undefined ? undefined : await this.chain.model(id);
    if (model !== undefined) return modelOf(model);
    const names = (await this.models()).filter(({ isActive }) => isActive).map(({ name }) => name);
    const nearest = nearestOf(nameOrId, names);
    throw new SibylError(
      'UnknownModel',
      `the chain has no model ${show(nameOrId)}${nearest ? `, did you mean '${nearest}'?` : ':'} It has ${names.join(', ') || 'none'}.`,
    );
  }

  /** The id of the model of that name; no model's name is longer than the chain takes. */
  async #idOf(name: string): Promise<Hex | undefined> {
    return new TextEncoder().encode(name).length > NAME_BYTES ? undefined : this.chain.modelNamed(name);
  }

  /** What a job costs now. Throws a `QuoteError` where the chain would refuse it. */
  async quote(model: string, input: Input, options: JobOptions = {}): Promise<Quote> {
    checkObject(options, 'the options', 'an object');
    checkNames(options, JOB_OPTIONS, 'a quote');
    const [chainInput, chainOptions] = [toChainInput(input), toChainOptions(options)];
    return this.#price(await this.model(model), chainInput, chainOptions);
  }

  /**
   * Asks a model. Resolves when the job is in a best block, before it is final.
   *
   * The price is held until the job ends, and what is not used comes back. Several may be asked at once.
   */
  async ask(model: string, input: Input, options: AskOptions): Promise<Job> {
    checkObject(options, 'the options', 'an object with a signer');
    checkNames(options, ASK_OPTIONS, 'a job');
    const signer = toPolkadotSigner(options.signer);
    const [chainInput, chainOptions] = [toChainInput(input), toChainOptions(options)];
    const maxFee = options.maxFee === undefined ? undefined : amount(options.maxFee, 'maxFee');
    const tip = options.tip === undefined ? 0n : amount(options.tip, 'tip');

    const found = await this.model(model);
    const price = options.check === false ? undefined : (await this.#price(found, chainInput, chainOptions)).total;
    if (price !== undefined && maxFee !== undefined && price > maxFee) throw tooDear(price, maxFee);
    const call = { model: found.id, input: chainInput, options: chainOptions, max_fee: maxFee ?? price ?? ANY_FEE };
    const { number: after } = await this.chain.finalized();
    const { fingerprint, number, txHash } = await submit(this.chain, this.#nonces, call, signer, tip);
    const question = { requester: signer.publicKey, model: found.id, input: chainInput, options: chainOptions, after };
    return new Job(this.chain, fingerprint, number, question, txHash);
  }

  /** A job by its fingerprint, or by the number that it has in the best block's chain. */
  async job(reference: Hex | number | bigint): Promise<Job> {
    if (typeof reference === 'string') {
      const fingerprint = reference.toLowerCase();
      if (!isHexOf(fingerprint, HASH_BYTES)) {
        throw new SibylError(
          'InvalidArgument',
          `a job is its fingerprint, 0x and 64 digits, or its number, not ${show(reference)}.`,
        );
      }
      const number = await this.chain.numberOf(fingerprint);
      if (number === undefined) throw await unknownJob(this.chain, fingerprint);
      return new Job(this.chain, fingerprint, number);
    }
    const number = u64(reference, "a job's number");
    const found = await this.chain.job(number);
    if (found.type === 'Found') return new Job(this.chain, found.value.fingerprint, number);
    if (found.type === 'Unknown') throw await unknownJob(this.chain, number);
    throw prunedJob(number);
  }

  /** The newest finalised block. */
  finalized(): Promise<BlockRef> {
    return this.chain.finalized();
  }

  /** The best and the newest final block: now, and whenever one of them changes. */
  async* blocks(options: WaitOptions = {}): AsyncGenerator<Heads, void, void> {
    checkNames(options, ['signal'], 'blocks');
    for await (const blocks of this.chain.blocks(options.signal)) {
      const [best, final] = [blocks[0], blocks.at(-1)];
      if (best !== undefined && final !== undefined) yield { best, final };
    }
  }

  /** Which chain it is, and how the connection to it stands. */
  async network(): Promise<Network> {
    const [identity, type, { peers, isSyncing }] = await Promise.all([
      this.chain.identity(),
      this.chain.request<unknown>('system_chainType'),
      this.chain.request<{ peers: number; isSyncing: boolean }>('system_health'),
    ]);
    return { ...identity, isDevelopment: FOR_DEVELOPERS.includes(String(type)), peers, isSyncing };
  }

  /** Addresses of the present session's validators. */
  validators(): Promise<string[]> {
    return this.chain.validators();
  }

  /** A validator's service bond, its open seats, and what it has done. */
  async validator(address: string): Promise<Validator> {
    if (typeof address !== 'string') throw new SibylError('InvalidArgument', `a validator is its address, not ${show(address)}.`);
    return validatorOf(address, await this.chain.validator(address));
  }

  /** A feed, a question that is asked again and again, by its number in the best block's chain. */
  async feed(id: number): Promise<Feed> {
    const number = small(id, U32_MAX, "a feed's number");
    const best = await this.chain.best();
    const found = await this.chain.feed(number, best.hash);
    if (found === undefined)
      throw new SibylError('UnknownFeed', `There is no feed ${number}, or it has ended: feeds() lists those that there are.`);
    return feedOf(found, best);
  }

  /** Feeds by their numbers, and where to go on. */
  async feeds(options: FeedOptions = {}): Promise<FeedPage> {
    checkObject(options, 'the options', 'an object');
    checkNames(options, ['from', 'limit'], 'a list of feeds');
    const from = small(options.from ?? 0, U32_MAX, 'from');
    const limit = small(options.limit ?? MAX_LISTED_FEEDS, MAX_LISTED_FEEDS, 'limit', 1);
    const best = await this.chain.best();
    const { feeds, next } = await this.chain.feeds(from, limit, best.hash);
    return { feeds: feeds.map((feed) => feedOf(feed, best)), next: next ?? null };
  }

  /** Ends the connection, and what waits for it with an error of the code `Closed`. */
  close(): Promise<void> {
    return this.chain.close();
  }

  async #price(
    model: Model,
    input: ChainInput,
    { seats, max_output_units: units, format }: ChainOptions,
  ): Promise<Quote> {
    if (model.task !== 'generate' && input.type !== 'Text') throw refusal(model, 'InputNotOfTask');
    return priceOf(model, await this.chain.quote(model.id, seats, inputBytes(input), units, format));
  }
}
