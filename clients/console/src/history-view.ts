// The list of one's own jobs.
import { button, byId, el, fill, said } from './dom.js';
import type { Entry, History } from './history.js';
import type { Hex } from '@sibyl/client';

/** The list in the page. */
export class HistoryView {
  readonly #list = byId('jobs', HTMLElement);
  readonly #forgetAll = byId('forget-all', HTMLButtonElement);
  #genesis: Hex | undefined;

  constructor(private readonly history: History, private readonly open: (entry: Entry) => void) {
    this.#forgetAll.addEventListener('click', () => {
      if (this.#genesis !== undefined) history.forgetAll(this.#genesis);
      this.show();
    });
    this.show();
  }

  /** Shows the jobs of this chain from now on. */
  use(genesis: Hex | undefined): void {
    this.#genesis = genesis;
    this.show();
  }

  show(): void {
    const focused = this.#buttons().findIndex((each) => each === document.activeElement);
    const entries = this.#genesis === undefined ? [] : this.history.list(this.#genesis);
    this.#forgetAll.hidden = entries.length === 0;
    const none = this.#genesis === undefined ? 'They are shown once you are connected.' : 'You have asked nothing here yet.';
    fill(this.#list, ...(entries.length === 0 ? [el('li', { class: 'hint' }, none)] : entries.map((entry) => this.#item(entry))));
    // Where one was forgotten, the next one's.
    if (focused >= 0) this.#buttons()[focused]?.focus();
  }

  #buttons(): HTMLButtonElement[] {
    return [...this.#list.querySelectorAll('button')];
  }

  #item(entry: Entry): HTMLElement {
    const { title, model, askedAt, outcome, proven, fingerprint } = entry;
    return el('li', {},
      el('p', {}, said(title), ' ', el('span', { class: 'hint' }, `to ${model}, ${new Date(askedAt).toLocaleString()}`)),
      el('p', {}, outcome === null ? 'No answer was seen yet.' : said(outcome), proven !== null && el('span', { class: 'hint' }, ` proven here from #${proven.number}`)),
      el('p', { class: 'actions' },
        button('Open', () => this.open(entry), { 'aria-label': `Open the job “${title}”` }),
        button('Forget', () => {
          this.history.forget(fingerprint);
          this.show();
        }, { 'aria-label': `Forget the job “${title}”` })));
  }
}
