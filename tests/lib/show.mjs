import { u8aEq } from '@polkadot/util';

import { accountNamed, SIB } from './accounts.mjs';
import { VALIDATORS } from './network.mjs';

const MILLION = 1e6;
const SHOWN_CHARACTERS = 40;
const keys = VALIDATORS.map((name) => [name, accountNamed(name).publicKey]);
const languages = new Intl.DisplayNames(['en'], { type: 'language' });

/** @param {bigint | { toBigInt(): bigint }} amount */
export const inSib = (amount) => `${Number(typeof amount === 'bigint' ? amount : amount.toBigInt()) / Number(SIB)} SIB`;

/** @param {number | { toNumber(): number }} score in millionths */
export const percent = (score) => `${(Number(score) / MILLION * 100).toFixed(1)} %`;

/** A language code and, where there is one, the language's English name. */
export function languageName(code) {
  const name = languages.of(code);
  return name === code ? code : `${code}, ${name}`;
}

/** An output of the model, as the runtime API shows it. */
export function verdictOf(output) {
  if (output.isRefusal) return `the model refuses (${output.asRefusal})`;
  if (output.asAnswer.isGeneration) return `“${output.asAnswer.asGeneration.text.toUtf8()}”`;
  if (output.asAnswer.isEmbedding) return `a vector of ${output.asAnswer.asEmbedding.values.length} dimensions`;
  if (output.asAnswer.isChoice) {
    const { index, probabilities } = output.asAnswer.asChoice;
    return `choice ${index} (${probabilities.map(percent).join(', ')})`;
  }
  if (output.asAnswer.isNumber) {
    const { value, decimals } = output.asAnswer.asNumber;
    return `${value.toNumber() / 10 ** decimals.toNumber()}`;
  }
  const { label, scores } = output.asAnswer.asClassification;
  return `${languageName(label.toUtf8())} (${percent(scores[0].score)})`;
}

/** The names of validators, given their accounts; an address where there is none. */
export function listNames(accounts) {
  return accounts.map((account) => keys.find(([, key]) => u8aEq(account, key))?.[0] ?? account).join(', ');
}

/** The beginning of a text, on one line. */
export function shorten(text) {
  const line = [...text.replace(/\s+/g, ' ')];
  return line.length <= SHOWN_CHARACTERS ? line.join('') : `${line.slice(0, SHOWN_CHARACTERS).join('')}…`;
}
