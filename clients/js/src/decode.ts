// From what the metadata decodes to what this library shows.
import type { ChainFormat, Format } from './format.js';
import type { ChainInput, Role } from './input.js';
import type { ChainOptions } from './options.js';
import type {
  Hex, RawAnswer, RawAudit, RawCommittee, RawFeedView, RawJob, RawJobView, RawModel, RawOutput, RawQuote, RawResult, RawSettlement,
  RawValidator, RawVerdict,
} from './raw.js';
import { textOf } from './text.js';
import type { Answer, Audit, BlockRef, Committee, Feed, JobResult, JobView, Model, Quote, Refusal, SeatVote, Validator, Verdict } from './types.js';

const THOUSAND = 1_000;
const MILLION = 1_000_000;
const BILLION = 1_000_000_000;

/** A name of the chain as JavaScript writes it. */
const camel = <T extends string>(name: string) => (name.charAt(0).toLowerCase() + name.slice(1)) as T;

export function modelOf({ id, revision, registration, served_by: servedBy, stake_share, is_active: isActive }: RawModel): Model {
  const { name, task, architecture, files, limits, licence } = revision;
  const { base, unit, author_share: authorShare } = registration.price;
  return {
    id,
    name: textOf(name),
    task: camel<Model['task']>(task.type),
    architecture: textOf(architecture),
    files: files.map(({ name, size, sha256, chunk_root: chunkRoot }) => ({ name: textOf(name), size, sha256, chunkRoot })),
    limits: { inputBytes: limits.input_bytes, contextUnits: limits.context_units, outputUnits: limits.output_units },
    price: { base, unit, authorShare },
    author: registration.author ?? null,
    licence: textOf(licence),
    state: camel<Model['state']>(registration.state.type),
    isActive,
    stakeShare: stake_share / BILLION,
    servedBy,
  };
}

export const validatorOf = (address: string, { open_seats, open_time, missed_in_a_row, ...raw }: RawValidator): Validator =>
  ({ address, openSeats: open_seats, openTime: open_time, missedInARow: missed_in_a_row, ...raw });

export const quoteOf = ({ seats, per_seat: perSeat, author_share: authorShare, protocol_share: protocolShare, total }: RawQuote): Quote =>
  ({ seats, perSeat, authorShare, protocolShare, total });

export function jobOf(raw: RawJobView): JobView {
  const { phase, agreed } = raw;
  return {
    number: raw.id,
    fingerprint: raw.fingerprint,
    requester: raw.requester,
    model: raw.model,
    input: inputOf(raw.input),
    options: optionsOf(raw.options),
    quote: quoteOf(raw.quote),
    submittedAt: raw.submitted_at,
    phase: camel<JobView['phase']>(phase.type),
    deadline: raw.deadline ?? null,
    endsBy: raw.ends_by,
    committees: raw.committees.map(committeeOf),
    hasSubstitutes: raw.has_substitutes ?? false,
    agreed: agreed === undefined ? null : { outputHash: agreed.output_hash, at: agreed.at, support: agreed.support },
    verdict: phase.type === 'Ended' ? verdictOf(phase.value.verdict) : null,
    endedAt: phase.type === 'Ended' ? phase.value.at : null,
    audit: auditOf(raw.audit),
    settlement: raw.settlement === undefined ? null : settlementOf(raw.settlement),
    reused: raw.reused ?? null,
  };
}

/** A feed as the chain has it after a block. */
export function feedOf(raw: RawFeedView, block: BlockRef): Feed {
  const { latest } = raw;
  return {
    id: raw.id,
    owner: raw.owner,
    model: raw.model,
    input: inputOf(raw.input),
    options: optionsOf(raw.options),
    interval: raw.interval,
    maxFee: raw.max_fee,
    roundFee: raw.round_fee,
    funds: raw.funds,
    deposit: raw.deposit,
    createdAt: raw.created_at,
    nextAt: raw.next_at,
    asked: raw.asked,
    openJob: raw.open_job ?? null,
    latest: latest === undefined ? null : {
      ...latest,
      answer: answerOf(latest.answer, raw.options.format),
      age: Math.max(0, block.number - latest.at),
    },
    block,
  };
}

const optionsOf = ({ seats, max_output_units, draw_delay, sampling, seed, format, reuse }: ChainOptions): JobView['options'] => ({
  seats: seats.type === 'All' ? 'all' : seats.value,
  maxOutputUnits: max_output_units,
  drawDelay: draw_delay,
  sampling: {
    temperature: sampling.temperature / THOUSAND,
    topK: sampling.top_k,
    topP: sampling.top_p / MILLION,
  },
  seed: seed ?? null,
  format: formatOf(format),
  reuse,
});

export function inputOf(input: ChainInput): JobView['input'] {
  switch (input.type) {
    case 'Text':
      return { text: textOf(input.value) };
    case 'Raw':
      return { raw: textOf(input.value) };
    case 'Messages':
      return { messages: input.value.map(({ role, text }) => ({ role: camel<Role>(role.type), text: textOf(text) })) };
  }
}

function formatOf(format: ChainFormat): Format {
  switch (format.type) {
    case 'Text':
      return { text: { stops: format.value.stops.map(textOf) } };
    case 'Choice':
      return { choice: format.value.map(textOf) };
    case 'Number':
      return { number: format.value };
    case 'Json':
      return { json: textOf(format.value) };
    case 'Regex':
      return { regex: textOf(format.value) };
    case 'ScoredText':
      return { scoredText: { stops: format.value.stops.map(textOf) } };
  }
}

function committeeOf({ round, drawn_at: drawnAt, serving, seats }: RawCommittee): Committee {
  return {
    round,
    drawnAt,
    serving,
    seats: seats.map(({ validator, vote }) => ({
      validator,
      vote: camel<SeatVote>(vote.type),
      ...(vote.type === 'Revealed' && { outputHash: vote.value }),
      ...(vote.type === 'Abstained' && { reason: camel(vote.value.type) }),
    })),
  };
}

export const verdictOf = (verdict: RawVerdict): Verdict => camel<Verdict>(verdict.type);

export const settlementOf = ({ paid, refunded, author_share: authorShare, protocol_share: protocolShare }: RawSettlement) => ({
  paid,
  refunded,
  authorShare,
  protocolShare,
});

export const auditOf = (audit: RawAudit): Audit =>
  audit.type === 'Overturned'
    ? { status: 'overturned', outputHash: audit.value.output_hash }
    : { status: camel<'none' | 'open' | 'confirmed' | 'undecided'>(audit.type) };

/** What a job and its output come to; undefined while it is open. */
export function resultOf(
  { number, fingerprint, block, format }: { number: bigint; fingerprint: Hex; block: BlockRef; format: ChainFormat },
  raw: RawResult,
): JobResult | undefined {
  const job = { number, fingerprint, block };
  switch (raw.type) {
    case 'Open':
      return undefined;
    case 'Agreed': {
      const { output, output_hash: outputHash, at, support, audit, settled, reused = null } = raw.value;
      return { ...job, ...outputOf(output, format), outputHash, support, audit: auditOf(audit), settled, reused, at };
    }
    case 'WithoutOutput':
      return {
        ...job,
        status: verdictOf(raw.value.verdict),
        answer: null,
        refusal: null,
        outputHash: null,
        support: null,
        audit: { status: 'none' },
        settled: true,
        reused: null,
        at: raw.value.at,
      };
  }
}

/** The same from the chain's storage, as the runtime API makes it. */
export function storedResult(job: RawJob, output: RawOutput | undefined): RawResult {
  const { agreed, outcome, audit, reused } = job;
  if (agreed !== undefined && output !== undefined) {
    const { value, at, support } = agreed;
    return {
      type: 'Agreed',
      value: { output, output_hash: value.output_hash, at, support, audit, settled: outcome !== undefined, reused },
    };
  }
  if (outcome !== undefined) return { type: 'WithoutOutput', value: outcome };
  return { type: 'Open', value: { phase: { type: 'Pending', value: undefined }, deadline: 0 } };
}

function outputOf(output: RawOutput, format: ChainFormat): Pick<JobResult, 'status' | 'answer' | 'refusal'> {
  return output.type === 'Answer'
    ? { status: 'agreed', answer: answerOf(output.value, format), refusal: null }
    : { status: 'failed', answer: null, refusal: camel<Refusal>(output.value.type) };
}

function answerOf(answer: RawAnswer, format: ChainFormat): Answer {
  switch (answer.type) {
    case 'Classification': {
      const { label, scores } = answer.value;
      return {
        type: 'classification',
        label: textOf(label),
        scores: scores.map(({ label: each, score }) => ({ label: textOf(each), score })),
      };
    }
    case 'Generation': {
      const { text, tokens, finish } = answer.value;
      return { type: 'generation', text: textOf(text), tokens, finish: camel<'stop' | 'length'>(finish.type) };
    }
    case 'ScoredText': {
      const { text, tokens, finish } = answer.value;
      let at = 0;
      const scored = tokens.map(({ id, bytes, score }) => {
        const part = text.subarray(at, at + bytes);
        at += bytes;
        return { id, text: textOf(part), score };
      });
      return { type: 'scoredText', text: textOf(text), tokens: scored, finish: camel<'stop' | 'length'>(finish.type) };
    }
    case 'Embedding':
      return { type: 'embedding', values: answer.value };
    case 'Choice': {
      const { index, probabilities } = answer.value;
      const text = format.type === 'Choice' ? format.value[index] : undefined;
      return { type: 'choice', text: text === undefined ? '' : textOf(text), index, probabilities };
    }
    case 'Number':
      return {
        type: 'number',
        text: numberText(answer.value),
        units: answer.value.value,
        decimals: answer.value.decimals,
      };
  }
}

/** A number as it is written: `-0.05` for -5 with two decimals. */
function numberText({ value, decimals }: { value: bigint; decimals: number }): string {
  const digits = (value < 0n ? -value : value).toString().padStart(decimals + 1, '0');
  const whole = digits.slice(0, digits.length - decimals);
  return `${value < 0n ? '-' : ''}${whole}${decimals > 0 ? `.${digits.slice(-decimals)}` : ''}`;
}
