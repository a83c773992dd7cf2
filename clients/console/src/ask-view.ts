// The form: what is asked, what it costs, and who pays.
import { formatSib, type Job, type Model, type Network, type Quote, type Sibyl } from '@sibyl/client';

import { byId, el, fill, tell } from './dom.js';
import { MessagesView } from './messages-view.js';
import { taskOf } from './models-view.js';
import { FieldError, requestOf, type Fields, type FormatKind, type InputKind, type Request } from './request.js';
import { developers, walletAccounts, type Account } from './signers.js';
import { PlainError } from './trouble.js';
import { showTrouble } from './trouble-view.js';

/** A job that was asked, and what it was asked for. */
export interface Asked {
  job: Job;
  model: Model;
  request: Request;
  account: Account;
}

const SEATS = [1, 3, 5, 7, 9, 11, 13, 15];

/** What of a price is the author's, in words. */
const forAuthor = ({ authorShare }: Quote) => (authorShare > 0n ? `, ${formatSib(authorShare)} for the model’s author` : '');

/** The form's part of the page. */
export class AskView {
  readonly #form = byId('ask-form', HTMLFormElement);
  readonly #fields = byId('ask-fields', HTMLFieldSetElement);
  readonly #model = byId('model', HTMLSelectElement);
  readonly #signer = byId('signer', HTMLSelectElement);
  readonly #send = byId('send', HTMLButtonElement);
  readonly #quoteButton = byId('quote', HTMLButtonElement);
  readonly #price = byId('price', HTMLElement);
  readonly #trouble = byId('ask-trouble', HTMLElement);
  readonly #messages = new MessagesView(() => this.#changed());
  #sibyl: Sibyl | undefined;
  #models: readonly Model[] = [];
  #accounts: Account[] = [];
  #wallets: Account[] = [];
  #quoted: { request: Request; model: Model; quote: Quote } | undefined;
  #turn = 0;

  /** @param asked is told of a job once it is in a block */
  constructor(private readonly asked: (asked: Asked) => void) {
    fill(byId('seats', HTMLSelectElement),
      el('option', { value: 'all' }, 'all that serve it'),
      ...SEATS.map((seats) => el('option', { value: `${seats}` }, seats === 1 ? '1: one validator’s word' : `${seats}, drawn by stake`)));
    // Who pays changes no price.
    this.#form.addEventListener('input', ({ target }) => {
      if (target !== this.#signer) this.#changed();
    });
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#quote();
    });
    this.#send.addEventListener('click', () => void this.#ask());
    byId('wallet', HTMLButtonElement).addEventListener('click', () => void this.#useWallets());
    this.#layOut();
  }

  /** Asks over this connection from now on, or over none. */
  use(sibyl: Sibyl | undefined, network?: Network): void {
    this.#sibyl = sibyl;
    this.#fields.disabled = sibyl === undefined;
    this.#accounts = network?.isDevelopment ? developers() : [];
    this.#showAccounts();
    fill(this.#trouble);
    this.#changed();
  }

  /** Offers these models. */
  offer(models: readonly Model[]): void {
    const chosen = this.#model.value;
    this.#models = models;
    fill(this.#model, ...models.map(({ id, name, state, isActive, servedBy }) =>
      el('option', { value: id, selected: id === chosen }, `${name}${state !== 'listed' ? ` (${state})` : servedBy.length === 0 ? ' (nobody serves it)' : isActive ? '' : ' (too few serve it)'}`)));
    // What nobody serves can't be asked, so another one stands there first.
    const served = models.find(({ isActive }) => isActive);
    if (!models.some(({ id }) => id === chosen) && served !== undefined) this.#model.value = served.id;
    this.#layOut();
  }

  #changed(): void {
    this.#turn += 1;
    this.#quoted = undefined;
    this.#send.disabled = true;
    tell(this.#send, 'Ask');
    tell(this.#price, '');
    for (const field of this.#form.querySelectorAll('[aria-invalid]')) field.removeAttribute('aria-invalid');
    this.#layOut();
  }

  /** Shows the fields that the model and the form of the answer have. */
  #layOut(): void {
    const model = this.#chosen();
    const generates = model?.task === 'generate';
    tell(byId('model-note', HTMLElement), model === undefined ? '' : taskOf(model));
    byId('input-kinds', HTMLElement).hidden = !generates;
    byId('generates', HTMLElement).hidden = !generates;
    const { inputKind, formatKind } = this.#read();
    byId('messages-row', HTMLElement).hidden = !generates || inputKind !== 'messages';
    byId('text-row', HTMLElement).hidden = generates && inputKind === 'messages';
    tell(byId('text-label', HTMLElement), generates && inputKind === 'raw' ? 'Beginning that the model goes on with' : 'Text');
    for (const row of this.#form.querySelectorAll<HTMLElement>('[data-format]')) row.hidden = row.dataset.format !== formatKind;
    byId('units-row', HTMLElement).hidden = formatKind === 'choice';
  }

  #chosen(): Model | undefined {
    return this.#models.find(({ id }) => id === this.#model.value);
  }

  #read(): Fields {
    const value = (id: string) => (byId(id, HTMLElement) as HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement).value;
    const kind = this.#form.querySelector<HTMLInputElement>('[name=input-kind]:checked')?.value ?? 'text';
    return {
      task: this.#chosen()?.task ?? 'classify',
      inputKind: kind as InputKind,
      text: value('text'),
      messages: this.#messages.value,
      seats: value('seats'),
      reuse: byId('reuse', HTMLInputElement).checked,
      units: value('units'),
      formatKind: value('format') as FormatKind,
      stops: value('stops'),
      choices: value('choices'),
      min: value('min'),
      max: value('max'),
      decimals: value('decimals'),
      schema: value('schema'),
      pattern: value('pattern'),
    };
  }

  async #quote(): Promise<void> {
    this.#changed();
    const turn = this.#turn;
    const [sibyl, model] = [this.#sibyl, this.#chosen()];
    try {
      if (sibyl === undefined || model === undefined) throw new PlainError('There is no model to ask.', 'Connect to a chain that has one.');
      const request = requestOf(this.#read());
      fill(this.#trouble);
      tell(this.#price, 'The chain is asked for the price…');
      const quote = await sibyl.quote(model.id, request.input, request.options);
      if (turn !== this.#turn) return;
      this.#quoted = { request, model, quote };
      this.#send.disabled = false;
      tell(this.#send, `Ask for ${formatSib(quote.total)}`);
      const seats = `${quote.seats} ${quote.seats === 1 ? 'seat' : 'seats'}`;
      tell(this.#price, `It costs at most ${formatSib(quote.total)}: ${seats} at ${formatSib(quote.perSeat)} ${forAuthor(quote)} and ${formatSib(quote.protocolShare)} for the protocol. The transaction fee comes on top. What is not used comes back.`);
    } catch (error) {
      if (turn === this.#turn) this.#fail(error);
    }
  }

  async #ask(): Promise<void> {
    const [quoted, sibyl] = [this.#quoted, this.#sibyl];
    const account = [...this.#accounts, ...this.#wallets].find(({ id }) => id === this.#signer.value);
    if (quoted === undefined || sibyl === undefined) return;
    if (account === undefined) {
      this.#fail(new PlainError('There is no account to ask with.', 'Press “Use a wallet” and choose one of its accounts.'));
      this.#signer.focus();
      return;
    }
    const { request, model, quote } = quoted;
    this.#busy(true);
    fill(this.#trouble);
    tell(this.#price, account.id.startsWith('dev:') ? 'The job is signed and sent, and waits for a block…' : 'Sign in your wallet. Then the job is sent, and waits for a block…');
    try {
      const job = await sibyl.ask(model.id, request.input, { ...request.options, signer: account.signer, maxFee: quote.total });
      this.#busy(false);
      this.#changed();
      tell(this.#price, `Job ${job.number} is in a block.`);
      this.asked({ job, model, request, account });
    } catch (error) {
      this.#busy(false);
      this.#changed();
      this.#fail(error);
      this.#quoteButton.focus();
    }
  }

  // Not disabled as a whole: the focus would be lost.
  #busy(isBusy: boolean): void {
    this.#send.disabled = isBusy;
    this.#quoteButton.disabled = isBusy;
    this.#form.setAttribute('aria-busy', `${isBusy}`);
  }

  #fail(error: unknown): void {
    tell(this.#price, '');
    if (!(error instanceof FieldError)) {
      showTrouble(this.#trouble, error);
      return;
    }
    showTrouble(this.#trouble, new PlainError(error.message, 'Nothing was sent.'));
    const field = byId(error.field, HTMLElement);
    field.setAttribute('aria-invalid', 'true');
    field.setAttribute('aria-describedby', 'ask-trouble');
    field.focus();
  }

  async #useWallets(): Promise<void> {
    try {
      this.#wallets = await walletAccounts();
      this.#showAccounts();
      const [first] = this.#wallets;
      if (first !== undefined) this.#signer.value = first.id;
      this.#signer.focus();
      fill(this.#trouble);
    } catch (error) {
      showTrouble(this.#trouble, error);
    }
  }

  #showAccounts(): void {
    const all = [...this.#accounts, ...this.#wallets];
    const options = all.map(({ id, label }) => el('option', { value: id }, label));
    fill(this.#signer, ...(all.length === 0 ? [el('option', { value: '' }, 'no account yet')] : options));
  }
}
