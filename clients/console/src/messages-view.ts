// The messages of a conversation: rows that can be added and taken away.
import type { Role } from '@sibyl/client';

import { button, byId, el } from './dom.js';

const ROLES: [Role, string][] = [['user', 'User'], ['assistant', 'Assistant'], ['system', 'System']];

/** The list of messages in the form. */
export class MessagesView {
  readonly #list = byId('messages', HTMLElement);

  constructor(private readonly changed: () => void) {
    byId('add-message', HTMLButtonElement).addEventListener('click', () => {
      const roles = this.value.map(({ role }) => role);
      this.#add(roles.at(-1) === 'user' ? 'assistant' : 'user').querySelector('textarea')?.focus();
      this.changed();
    });
    this.#add('user');
  }

  /** What is written. */
  get value(): { role: Role; text: string }[] {
    return [...this.#list.children].map((row) => ({
      role: (row.querySelector('select')?.value ?? 'user') as Role,
      text: row.querySelector('textarea')?.value ?? '',
    }));
  }

  #add(role: Role): HTMLElement {
    const who = el('select', { 'aria-label': 'Who says it' }, ...ROLES.map(([value, name]) => el('option', { value, selected: value === role }, name)));
    const text = el('textarea', { rows: '2', dir: 'auto' });
    const row = el('li', {}, el('p', {}, who), el('p', {}, text));
    row.append(el('p', {}, button('Remove this message', () => {
      if (this.#list.children.length === 1) return;
      row.remove();
      this.#number();
      this.#list.querySelector('textarea')?.focus();
      this.changed();
    })));
    this.#list.append(row);
    this.#number();
    return row;
  }

  #number(): void {
    [...this.#list.children].forEach((row, at) => {
      const text = row.querySelector('textarea');
      if (text === null) return;
      text.id = `message-${at}`;
      text.setAttribute('aria-label', `Message ${at + 1}`);
      const remove = row.querySelector('button');
      if (remove !== null) remove.hidden = this.#list.children.length === 1;
    });
  }
}
