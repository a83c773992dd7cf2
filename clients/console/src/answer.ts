// What a result says, in plain words.
import { formatSib, type Answer, type JobResult, type JobView, type Support } from '@sibyl/client';

/** A result as it is shown. */
export interface Shown {
  /** The answer itself; null where there is none. */
  answer: string | null;
  /** What is to be known of it. */
  notes: string[];
  /** How likely each text is, in shares of 1. */
  bars: { label: string; share: number }[];
}

const MILLION = 1_000_000;
const SHOWN_COMPONENTS = 8;

const REFUSALS: Record<string, string> = {
  contextExceeded: 'the input and the longest answer are more than the model reads: shorten one of them',
  notFinite: 'the model computed no number for it',
  outputTooLong: 'the answer is longer than the chain takes: ask for fewer tokens',
  template: 'its chat template does not take messages in these roles, in this order',
  format: 'the schema or the pattern is none that the engine reads, or the model can’t write it',
};

/** What is shown of a result. `choices` are the texts of a choice's format. */
export function shown(result: Pick<JobResult, 'answer' | 'refusal' | 'status' | 'support' | 'audit'>, choices: readonly string[] = []): Shown {
  const { answer, refusal, status, support, audit } = result;
  const notes = support === null ? [] : [supportSentence(support)];
  if (audit.status === 'overturned') notes.push('An audit by a second committee contradicts this answer. Do not rely on it.');
  if (audit.status === 'confirmed') notes.push('An audit by a second committee confirms it.');
  if (answer !== null) return { ...said(answer, choices), notes: [...said(answer, choices).notes, ...notes] };
  const why = status === 'failed'
    ? `The model gives no answer: ${REFUSALS[refusal ?? ''] ?? refusal}. The base price is paid.`
    : 'There is no answer, and the whole price came back. Ask again, or choose more seats.';
  return { answer: null, notes: [why, ...notes], bars: [] };
}

function said(answer: Answer, choices: readonly string[]): Shown {
  switch (answer.type) {
    case 'classification':
      return { answer: answer.label, notes: [], bars: answer.scores.map(({ label, score }) => ({ label, share: score / MILLION })) };
    case 'generation':
    case 'scoredText':
      return { answer: answer.text, notes: answer.finish === 'length' ? ['It was cut off where the tokens that you pay for ended.'] : [], bars: [] };
    case 'choice':
      return { answer: answer.text, notes: [], bars: answer.probabilities.map((each, at) => ({ label: choices[at] ?? `text ${at + 1}`, share: each / MILLION })) };
    case 'number':
      return { answer: answer.text, notes: [], bars: [] };
    case 'embedding': {
      const { values } = answer;
      const more = values.length > SHOWN_COMPONENTS ? ', …' : '';
      return { answer: `[${values.slice(0, SHOWN_COMPONENTS).join(', ')}${more}]`, notes: [`A vector of ${values.length} components, of which 32,767 stands for 1.`], bars: [] };
    }
  }
}

/** How many agreed. */
export function supportSentence({ round, seats, agreed, serving }: Support): string {
  const which = round === 0 ? 'first' : 'second';
  return `${agreed} of ${seats} seats of the ${which} committee said so; ${serving} ${serving === 1 ? 'validator' : 'validators'} served the model then.`;
}

/** Where the money went; null while that is open. */
export function settlementSentence({ settlement }: Pick<JobView, 'settlement'>): string | null {
  if (settlement === null) return null;
  const { paid, refunded, authorShare, protocolShare } = settlement;
  const toAuthor = authorShare > 0n ? ` ${formatSib(authorShare)} to the model’s author,` : '';
  return `${formatSib(paid)} went to seats,${toAuthor} ${formatSib(protocolShare)} to the protocol, ${formatSib(refunded)} came back.`;
}

/** A share of 1 as people read it. */
export const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;

/** The texts of a job whose answer is one of them. */
export const choicesOf = ({ options: { format } }: JobView): readonly string[] => ('choice' in format ? format.choice : []);
