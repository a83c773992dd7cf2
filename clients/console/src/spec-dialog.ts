// Asks for a chain's specification, and starts the light client from it.
import { byId, el, fill } from './dom.js';
import { startLight, type Light } from './light.js';
import { fetchSpec, specOf } from './spec.js';
import { PlainError } from './trouble.js';
import { showTrouble } from './trouble-view.js';

/** The dialog. */
export class SpecDialog {
  readonly #dialog = byId('spec-dialog', HTMLDialogElement);
  readonly #start = byId('spec-start', HTMLButtonElement);
  readonly #trouble = byId('spec-trouble', HTMLElement);
  readonly #file = byId('spec-file', HTMLInputElement);
  readonly #url = byId('spec-url', HTMLInputElement);
  readonly #text = byId('spec-text', HTMLTextAreaElement);
  readonly #nodes = byId('spec-nodes', HTMLTextAreaElement);
  #done: (light: Light | undefined) => void = () => {};
  #attempt = 0;

  constructor() {
    byId('spec-form', HTMLFormElement).addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#submit();
    });
    byId('spec-cancel', HTMLButtonElement).addEventListener('click', () => this.#dialog.close());
    this.#dialog.addEventListener('close', () => this.#end(undefined));
  }

  /** A light client that has synced; undefined where the user wants none. */
  open(): Promise<Light | undefined> {
    fill(this.#trouble);
    this.#dialog.showModal();
    return new Promise((resolve) => { this.#done = resolve; });
  }

  async #submit(): Promise<void> {
    if (this.#start.disabled) return;
    this.#attempt += 1;
    const attempt = this.#attempt;
    this.#start.disabled = true;
    try {
      fill(this.#trouble, el('p', {}, 'The light client starts and syncs. That takes from some seconds up to two minutes.'));
      const light = await startLight(specOf(await this.#given(), this.#nodes.value));
      if (attempt !== this.#attempt) {
        await light.stop();
        return;
      }
      this.#end(light);
    } catch (error) {
      if (attempt === this.#attempt) showTrouble(this.#trouble, error);
    } finally {
      if (attempt === this.#attempt) this.#start.disabled = false;
    }
  }

  async #given(): Promise<string> {
    const [file, url, text] = [this.#file.files?.[0], this.#url.value.trim(), this.#text.value];
    const given = [file !== undefined, url !== '', text.trim() !== ''].filter(Boolean).length;
    if (given > 1) throw new PlainError('There is more than one specification.', 'Give a file, an address, or the text: empty the others.');
    if (file !== undefined) return file.text();
    return url !== '' ? fetchSpec(url) : text;
  }

  #end(light: Light | undefined): void {
    // What still starts is not wanted any more.
    this.#attempt += 1;
    this.#start.disabled = false;
    const done = this.#done;
    this.#done = () => {};
    done(light);
    if (light !== undefined) this.#dialog.close();
  }
}
