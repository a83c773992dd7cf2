// Feeds: questions that are asked again and again, and what was answered last.
import { formatSib, type Feed, type FeedPage, type Model, type Sibyl } from '@sibyl/client';

import { supportSentence } from './answer.js';
import { byId, el, fill, said } from './dom.js';
import { ageSentence, answerOf } from './feed.js';
import { titleOf } from './request.js';
import { showTrouble } from './trouble-view.js';

/** The list of feeds. */
export class FeedsView {
  readonly #list = byId('feed-list', HTMLElement);
  readonly #refresh = byId('refresh-feeds', HTMLButtonElement);
  readonly #more = byId('more-feeds', HTMLButtonElement);
  readonly #trouble = byId('feeds-trouble', HTMLElement);
  #sibyl: Sibyl | undefined;
  #models: readonly Model[] = [];
  #pages = 1;

  constructor() {
    this.#refresh.addEventListener('click', () => void this.load());
    this.#more.addEventListener('click', () => {
      this.#pages += 1;
      void this.load();
    });
  }

  /** Shows those of a connection, or none. */
  use(sibyl: Sibyl | undefined): void {
    this.#sibyl = sibyl;
    this.#pages = 1;
    this.#refresh.disabled = sibyl === undefined;
    this.#more.hidden = true;
    fill(this.#trouble);
    if (sibyl === undefined) fill(this.#list, el('li', { class: 'hint' }, 'They are shown once you are connected.'));
  }

  /** Shows them, by the names of these models. */
  know(models: readonly Model[]): void {
    this.#models = models;
    void this.load();
  }

  /** Asks the chain again. */
  async load(): Promise<void> {
    const sibyl = this.#sibyl;
    if (sibyl === undefined) return;
    this.#refresh.disabled = true;
    try {
      const feeds: Feed[] = [];
      let next: number | null = 0;
      for (let page = 0; page < this.#pages && next !== null; page += 1) {
        const listed: FeedPage = await sibyl.feeds({ from: next });
        feeds.push(...listed.feeds);
        next = listed.next;
      }
      if (sibyl !== this.#sibyl) return;
      fill(this.#trouble);
      fill(this.#list, ...(feeds.length === 0 ? [el('li', {}, 'The chain has no feeds.')] : feeds.map((feed) => this.#item(feed))));
      this.#more.hidden = next === null;
    } catch (error) {
      if (sibyl === this.#sibyl) showTrouble(this.#trouble, error);
    } finally {
      this.#refresh.disabled = this.#sibyl === undefined;
    }
  }

  #item(feed: Feed): HTMLElement {
    const { id, input, interval, latest, options, owner, funds, nextAt, model } = feed;
    const name = this.#models.find((each) => each.id === model)?.name ?? model;
    return el('li', {},
      el('h3', {}, said(titleOf(input))),
      latest === null
        ? el('p', {}, 'It has no answer yet.')
        : el('p', {}, el('strong', {}, said(answerOf(feed))), ` ${ageSentence(latest.age)}`),
      latest === null ? null : el('p', { class: 'hint' }, supportSentence(latest.support)),
      el('p', { class: 'hint' }, `Feed ${id} asks `, said(name), ` every ${interval} blocks, next in block #${nextAt}. ${formatSib(funds)} are left for that.`),
      el('details', {},
        el('summary', {}, 'Who pays, and for what'),
        el('p', {}, `A round costs at most ${formatSib(feed.maxFee + feed.roundFee)}, with ${options.seats === 'all' ? 'all who serve the model' : `${options.seats} seats`}.`),
        el('p', { class: 'hash' }, owner)));
  }
}
