// A job on its way: its committee, its answer, and the proof of that.
import { formatSib, type Job, type JobResult, type JobView as View, type Sibyl, type Step } from '@sibyl/client';

import { choicesOf, percent, settlementSentence, shown } from './answer.js';
import { committeeTable } from './committee-view.js';
import { byId, el, fill, said, save, tell } from './dom.js';
import type { Entry, History } from './history.js';
import type { Light } from './light.js';
import { prove } from './proof.js';
import { titleOf } from './request.js';
import { lineOf, SeatHistory, sentenceOf } from './seats.js';
import { showTrouble } from './trouble-view.js';
import { PlainError } from './trouble.js';

/** What the view needs of the page. */
export interface Surroundings {
  history: History;
  /** A light client of the chain; undefined where the user wants none. */
  light(): Promise<Light | undefined>;
  /** Is told that a job has come to its end, or was proven. */
  changed(): void;
}

/** The job that is shown. */
interface Shown {
  sibyl: Sibyl;
  job: Job;
  genesis: Entry['genesis'];
  entry: Entry | undefined;
  abort: AbortController;
  seats: SeatHistory;
  view: View | undefined;
  result: JobResult | undefined;
}

/** The page's part for a job. */
export class JobView {
  readonly #section = byId('job', HTMLElement);
  readonly #phase = byId('job-phase', HTMLElement);
  readonly #answer = byId('job-answer', HTMLElement);
  readonly #proof = byId('job-proof', HTMLElement);
  readonly #trouble = byId('job-trouble', HTMLElement);
  readonly #committees = byId('job-committees', HTMLElement);
  readonly #log = byId('job-log', HTMLElement);
  readonly #verify = byId('verify', HTMLButtonElement);
  readonly #saveReceipt = byId('save-receipt', HTMLButtonElement);
  readonly #receipt = byId('receipt', HTMLElement);
  #shown: Shown | undefined;

  constructor(private readonly around: Surroundings) {
    this.#verify.addEventListener('click', () => void this.#prove());
    this.#saveReceipt.addEventListener('click', () => void this.#keep());
  }

  /** Shows a job, and follows it. */
  show(sibyl: Sibyl, genesis: Entry['genesis'], job: Job, entry: Entry | undefined): void {
    this.close();
    const current: Shown = {
      sibyl, job, genesis, entry, abort: new AbortController(), seats: new SeatHistory(), view: undefined, result: undefined,
    };
    this.#shown = current;
    this.#section.hidden = false;
    tell(byId('job-title', HTMLElement), `Job ${job.number}`);
    tell(byId('job-question', HTMLElement), entry?.title ?? '');
    tell(this.#phase, 'The job is in a block.');
    tell(this.#verify, 'Verify here');
    this.#verify.hidden = sibyl.source === 'light client';
    this.#section.focus();
    this.#section.scrollIntoView({ block: 'nearest' });
    this.#follow(current).catch((error) => {
      if (current === this.#shown) showTrouble(this.#trouble, error);
    });
  }

  /** Shows no job any more. */
  close(): void {
    this.#shown?.abort.abort();
    this.#shown = undefined;
    this.#section.hidden = true;
    for (const part of [this.#answer, this.#proof, this.#receipt, this.#trouble, this.#committees, this.#log, byId('job-facts', HTMLElement)]) fill(part);
    tell(this.#phase, '');
    this.#verify.disabled = true;
    this.#saveReceipt.disabled = true;
  }

  async #follow(current: Shown): Promise<void> {
    let isFirst = true;
    for await (const step of current.job.follow({ signal: current.abort.signal })) {
      if (current !== this.#shown) return;
      this.#step(current, step, isFirst);
      isFirst = false;
      if (step.isFinal && (step.phase === 'agreed' || step.phase === 'ended') && current.result === undefined) await this.#read(current);
    }
  }

  #step(current: Shown, step: Step, isFirst: boolean): void {
    current.seats.feed(step, isFirst);
    if (step.job !== null) current.view = step.job;
    tell(byId('job-title', HTMLElement), `Job ${current.job.number}`);
    if (step.job !== null) tell(byId('job-question', HTMLElement), titleOf(step.job.input));
    tell(this.#phase, sentenceOf(step));
    this.#log.append(el('li', {}, lineOf(step)));
    fill(this.#committees, ...current.seats.committees.map((committee) => committeeTable(committee, step.block.number)));
    if (step.job !== null) this.#facts(current, step.job);
    this.#saveReceipt.disabled = !hasReceipt(step);
  }

  async #read(current: Shown): Promise<void> {
    const { job, sibyl, abort: { signal } } = current;
    if (sibyl.source === 'light client') {
      tell(this.#proof, 'The light client reads the answer and its proof…');
      await this.#prove();
      return;
    }
    const result = await job.result({ signal });
    if (current !== this.#shown) return;
    current.result = result;
    this.#showAnswer(current, result, 'The node’s word, as yet.');
    this.#verify.disabled = false;
    this.#note(current, {});
  }

  /** Proves the answer here, whatever the node said. */
  async #prove(): Promise<void> {
    const current = this.#shown;
    if (current === undefined) return;
    const { sibyl, job, genesis, entry, result: told } = current;
    this.#verify.disabled = true;
    fill(this.#trouble);
    try {
      const light = sibyl.source === 'light client' ? sibyl : (await this.around.light())?.sibyl;
      if (light === undefined || current !== this.#shown) return;
      tell(this.#proof, 'The light client reads the answer and its proof…');
      const { result, view } = await prove(light, { fingerprint: job.fingerprint, genesis, entry, told });
      if (current !== this.#shown) return;
      current.view = view;
      current.result = result;
      const { block, stateRoot } = result.proof;
      this.#showAnswer(current, result, null);
      fill(this.#proof, el('div', { class: 'proven' },
        el('p', {}, el('strong', {}, 'Verified here. '),
          `A light client in this page has checked that block #${block.number} is final, and that its state has this answer${entry === undefined ? '' : ' to your question'}.`),
        el('details', {}, el('summary', {}, 'What it is proven by'),
          el('p', { class: 'hash' }, `block ${block.hash}`), el('p', { class: 'hash' }, `state root ${stateRoot}`),
          el('p', {}, 'You trust the chain’s specification, and two thirds of the stake. That the answer is true is not proven.'))));
      tell(this.#verify, 'Verify again');
      this.#note(current, { proven: { number: block.number, hash: block.hash } });
    } catch (error) {
      if (current !== this.#shown) return;
      fill(this.#proof);
      showTrouble(this.#trouble, error);
    } finally {
      if (current === this.#shown) this.#verify.disabled = current.result === undefined;
    }
  }

  /** Saves what shows anybody the answer, as `sibyl-node receipt` writes it. */
  async #keep(): Promise<void> {
    const current = this.#shown;
    if (current === undefined) return;
    const say = (text: string) => fill(this.#receipt, el('p', { class: 'hint' }, text));
    this.#saveReceipt.disabled = true;
    say('The node makes the receipt…');
    try {
      const receipt = await current.job.receipt();
      if (current !== this.#shown) return;
      const name = `job-${current.job.number}.json`;
      save(name, `${JSON.stringify(receipt)}\n`);
      say(`${name} is saved. Whoever has it checks the answer without a node: sibyl-node verify ${name}`);
    } catch (error) {
      if (current === this.#shown) showTrouble(this.#receipt, error);
    } finally {
      if (current === this.#shown) this.#saveReceipt.disabled = false;
    }
  }

  #showAnswer({ view }: Shown, result: JobResult, source: string | null): void {
    const { answer, notes, bars } = shown(result, view === undefined ? [] : choicesOf(view));
    fill(this.#answer,
      answer !== null && el('p', { class: 'answer', dir: 'auto' }, said(answer)),
      bars.length > 0 && el('ul', { class: 'bars' }, ...bars.map(({ label, share }) => el('li', {},
        said(label),
        el('meter', { min: '0', max: '1', value: `${share}`, 'aria-label': label }),
        el('span', { class: 'share' }, percent(share))))),
      ...notes.map((note) => el('p', {}, note)),
      source !== null && el('p', { class: 'hint' }, source));
  }

  #note({ entry, job, result, view }: Shown, news: Partial<Pick<Entry, 'proven'>>): void {
    if (entry !== undefined && result !== undefined) {
      const { answer, notes } = shown(result, view === undefined ? [] : choicesOf(view));
      this.around.history.note(job.fingerprint, { outcome: answer ?? notes[0] ?? null, ...news });
    }
    this.around.changed();
  }

  #facts({ job }: Shown, view: View): void {
    const { fingerprint, model, requester, quote, endsBy, agreed } = view;
    const settled = settlementSentence(view);
    const facts: [string, string][] = [
      ['Fingerprint', fingerprint],
      ...(job.txHash === undefined ? [] : [['Transaction', job.txHash] as [string, string]]),
      ['Model', model],
      ['Asked by', requester],
      ['Price at most', formatSib(quote.total)],
      ['Ends by', `#${endsBy}`],
      ...(agreed === null ? [] : [['Output', agreed.outputHash] as [string, string]]),
      ...(settled === null ? [] : [['Money', settled] as [string, string]]),
    ];
    fill(byId('job-facts', HTMLElement), ...facts.map(([name, value]) => el('div', {}, el('dt', {}, name), el('dd', { class: value.startsWith('0x') ? 'hash' : '' }, value))));
  }

  /** A job of the list, which the chain may not know any more. */
  async reopen(sibyl: Sibyl, entry: Entry): Promise<void> {
    try {
      this.show(sibyl, entry.genesis, await sibyl.job(entry.fingerprint), entry);
    } catch (error) {
      this.close();
      this.#section.hidden = false;
      tell(byId('job-title', HTMLElement), 'Job');
      tell(byId('job-question', HTMLElement), entry.title);
      if (entry.outcome !== null) fill(this.#answer, el('p', { class: 'answer', dir: 'auto' }, said(entry.outcome)), el('p', { class: 'hint' }, 'As this page noted it then.'));
      showTrouble(this.#trouble, entry.outcome === null ? error : new PlainError('The chain does not know this job any more.', 'It keeps jobs for six hours after their end.'));
      this.#section.focus();
    }
  }
}

/** Whether a node can make a receipt: there is an answer, and the job's end is final. */
const hasReceipt = ({ phase, isFinal, job }: Step): boolean => isFinal && phase === 'ended' && job !== null && job.agreed !== null;
