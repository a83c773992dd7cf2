// Validators, and what became of their seats.
import { formatSib, type Sibyl, type Validator } from '@sibyl/client';

import { byId, el, fill, type Child } from './dom.js';
import { showTrouble } from './trouble-view.js';

/** Each is a question to the chain, which a light client has to prove. */
const PAGE = 20;

const COLUMNS: [string, (validator: Validator) => string][] = [
  ['Bond', ({ bond }) => formatSib(bond)],
  ['Open', ({ openSeats }) => `${openSeats}`],
  ['Drawn', ({ record }) => `${record.drawn}`],
  ['Committed', ({ record }) => `${record.committed}`],
  ['Revealed', ({ record }) => `${record.revealed}`],
  ['Missed', ({ record }) => `${record.missed}`],
  ['Abstained', ({ record }) => `${record.abstained}`],
  ['Lost', ({ record }) => `${record.lost}`],
  ['Earned', ({ record }) => formatSib(record.earned)],
  ['Charged', ({ record }) => formatSib(record.charged)],
];

/** The table of validators. */
export class ValidatorsView {
  readonly #refresh = byId('refresh', HTMLButtonElement);
  readonly #more = byId('more-validators', HTMLButtonElement);
  readonly #trouble = byId('validators-trouble', HTMLElement);
  #sibyl: Sibyl | undefined;
  #shown = PAGE;

  constructor() {
    this.#refresh.addEventListener('click', () => void this.load());
    this.#more.addEventListener('click', () => {
      this.#shown += PAGE;
      void this.load();
    });
  }

  /** Shows those of a connection, or none. */
  use(sibyl: Sibyl | undefined): void {
    this.#sibyl = sibyl;
    this.#shown = PAGE;
    this.#refresh.disabled = sibyl === undefined;
    if (sibyl === undefined) fill(byId('validator-table', HTMLElement));
    else void this.load();
  }

  /** Asks the chain again. */
  async load(): Promise<void> {
    const sibyl = this.#sibyl;
    if (sibyl === undefined) return;
    this.#refresh.disabled = true;
    try {
      const addresses = await sibyl.validators();
      const validators = await Promise.all(addresses.slice(0, this.#shown).map((address) => sibyl.validator(address)));
      if (sibyl !== this.#sibyl) return;
      fill(this.#trouble);
      fill(byId('validator-table', HTMLElement), table(validators));
      this.#more.hidden = addresses.length <= this.#shown;
    } catch (error) {
      if (sibyl === this.#sibyl) showTrouble(this.#trouble, error);
    } finally {
      this.#refresh.disabled = this.#sibyl === undefined;
    }
  }
}

const table = (validators: readonly Validator[]): Child =>
  el('table', {},
    el('thead', {}, el('tr', {}, el('th', { scope: 'col' }, 'Validator'), ...COLUMNS.map(([name]) => el('th', { scope: 'col', class: 'number' }, name)))),
    el('tbody', {}, ...validators.map(row)));

const row = (validator: Validator) =>
  el('tr', {},
    el('th', { scope: 'row', class: 'hash' }, validator.address),
    ...COLUMNS.map(([name, value]) => el('td', { class: 'number', 'data-label': name }, value(validator))));
