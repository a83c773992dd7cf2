import { el, fill } from './dom.js';
import { troubleOf } from './trouble.js';

/** Shows what went wrong and what to do, in a place that is read aloud. */
export function showTrouble(place: Element, error: unknown): void {
  const { what, todo } = troubleOf(error);
  fill(place, el('p', { class: 'trouble' }, el('strong', {}, what), ' ', todo));
}
