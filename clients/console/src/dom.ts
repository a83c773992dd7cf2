/** What an element may hold. A string is a text, and never HTML. */
export type Child = Node | string | null | undefined | false;

/** An element with attributes (`false` leaves one out, `true` is an empty one) and children. */
export function el<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag, attributes: Record<string, string | boolean> = {}, ...children: Child[]
): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== false) element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...present(children));
  return element;
}

/** Puts these in the place of all that an element holds. */
export const fill = (parent: Element, ...children: Child[]): void => parent.replaceChildren(...present(children));

const present = (children: Child[]) => children.filter((child): child is Node | string => child !== null && child !== undefined && child !== false);

/** A text of the chain: set apart, so that its direction of writing turns nothing around it. */
export const said = (text: string): HTMLElement => el('bdi', {}, text);

/** The element of the page that has this id. */
export function byId<Type extends HTMLElement>(id: string, type: new () => Type): Type {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new Error(`The page has no ${type.name} #${id}.`);
  return found;
}

/** A button that does this. */
export function button(text: string, act: () => void, attributes: Record<string, string> = {}): HTMLButtonElement {
  const made = el('button', { type: 'button', ...attributes }, text);
  made.addEventListener('click', act);
  return made;
}

/** Changes a text only where it is another one, so that nothing is read aloud twice. */
export function tell(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** By then every browser has read what it saves. */
const SAVED_WITHIN = 60_000;

/** Has the browser save a JSON text as a file of this name. */
export function save(name: string, json: string): void {
  const address = URL.createObjectURL(new Blob([json], { type: 'application/json' }));
  el('a', { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), SAVED_WITHIN);
}
