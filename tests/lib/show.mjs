import { u8aEq } from '@polkadot/util';
import { decodeAddress } from '@polkadot/util-crypto';

import { accountNamed } from './accounts.mjs';
import { VALIDATORS } from './network.mjs';

const MILLION = 1e6;
const SHOWN_CHARACTERS = 40;
const keys = VALIDATORS.map((name) => [name, accountNamed(name).publicKey]);
const languages = new Intl.DisplayNames(['en'], { type: 'language' });

const percent = (millionths) => `${(millionths / MILLION * 100).toFixed(1)} %`;

/** A language code and, where there is one, the language's English name. */
function languageName(code) {
  const name = languages.of(code);
  return name === code ? code : `${code}, ${name}`;
}

/**
 * What a model says, and how likely it is.
 * @param {import('@sibyl/client').Answer} answer
 * @param {string[]} [choices] that it had
 */
export function show(answer, choices = []) {
  const { type, label, scores, text, probabilities } = answer;
  if (type === 'classification') return `${languageName(label)} (${percent(scores[0].score)})`;
  if (type === 'choice') return `“${text}” (${choices.map((each, at) => `${each} ${percent(probabilities[at])}`).join(', ')})`;
  if (type === 'embedding') return `a vector of ${answer.values.length} dimensions`;
  return `“${text}”`;
}

/** A genesis validator's name; the address where it is none. */
export function nameOf(address) {
  const key = decodeAddress(address);
  return keys.find(([, each]) => u8aEq(key, each))?.[0] ?? address;
}

/** The beginning of a text, on one line. */
export function shorten(text) {
  const line = [...text.replace(/\s+/g, ' ')];
  return line.length <= SHOWN_CHARACTERS ? line.join('') : `${line.slice(0, SHOWN_CHARACTERS).join('')}…`;
}
