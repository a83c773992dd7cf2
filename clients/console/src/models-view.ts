// The models, and who serves them.
import { formatSib, type Model } from '@sibyl/client';

import { byId, el, fill, said } from './dom.js';

const TASKS: Record<Model['task'], string> = {
  classify: 'says which label fits a text',
  generate: 'writes text',
  embed: 'gives a text’s vector',
};

/** Shows the models; undefined where there is no connection. */
export function showModels(models: readonly Model[] | undefined): void {
  const list = byId('model-list', HTMLElement);
  if (models === undefined) fill(list, el('li', { class: 'hint' }, 'They are shown once you are connected.'));
  else if (models.length === 0) fill(list, el('li', {}, 'The chain has no models.'));
  else fill(list, ...models.map(item));
}

/** What a model does, in a line. */
export const taskOf = ({ task, servedBy, state, isActive }: Model): string =>
  `It ${TASKS[task]}. ${state !== 'listed' ? `It is ${state}.` : `${served(servedBy.length)}${isActive || servedBy.length === 0 ? '' : ' They have too little of the stake.'}`}`;

const served = (validators: number) => (validators === 0 ? 'Nobody serves it now.' : `${validators} ${validators === 1 ? 'validator serves' : 'validators serve'} it.`);

function item(model: Model): HTMLElement {
  const { name, id, architecture, limits, price, servedBy } = model;
  const output = model.task === 'generate' ? `, up to ${limits.outputUnits} tokens out` : '';
  return el('li', {},
    el('h3', {}, said(name)),
    el('p', {}, taskOf(model)),
    el('p', { class: 'hint' }, said(architecture), `, up to ${limits.inputBytes} bytes in${output}. A seat costs ${formatSib(price.base)}, and ${formatSib(price.unit)} for each byte in and token out.`),
    el('details', {},
      el('summary', {}, 'Who serves it'),
      servedBy.length === 0
        ? el('p', {}, 'Nobody: the model can’t be asked now.')
        : el('ul', { class: 'plain hash' }, ...servedBy.map((address) => el('li', {}, address)))),
    el('details', {},
      el('summary', {}, 'What identifies it'),
      el('p', { class: 'hash' }, id)),
  );
}
