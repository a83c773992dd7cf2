// How the chain's bytes are laid out, as its metadata says.
import { getLookupFn, type LookupEntry, type Var } from '@polkadot-api/metadata-builders';
import { Blake2256, type UnifiedMetadata } from '@polkadot-api/substrate-bindings';

import { SibylError } from './errors.js';
import { toHex } from './hex.js';
import { KNOWN_TYPES } from './known-types.js';
import type { Hex } from './raw.js';

/** Metadata of the types that this library knows, and of nothing else. */
export const known = { version: 16, lookup: KNOWN_TYPES.types, pallets: [], apis: [], extrinsic: { call: 0 } } as unknown as UnifiedMetadata;

/**
 * The layout of what a result is verified from that this library knows. Over a node's own JSON-RPC the metadata is the
 * node's word: who could lie about the layout could read any answer into bytes that are proven. Where jobs, inputs or
 * outputs change in the runtime, there is the error of the code `LayoutUnknown` until `make client-layout` was run.
 */
export function knownLayout(): Hex {
  const lookup = getLookupFn(known);
  return layoutHash({ job: lookup(KNOWN_TYPES.job), input: lookup(KNOWN_TYPES.input), output: lookup(KNOWN_TYPES.output) });
}

type Lookup = ReturnType<typeof getLookupFn>;

const PALLET = 'Inference';

/** The types that a result is read by: those of two storage entries' values, and that of outputs. */
export interface ResultTypes {
  job: LookupEntry;
  input: LookupEntry;
  output: LookupEntry;
}

/** Those types in the metadata. */
export function resultTypes(lookup: Lookup): ResultTypes {
  const pallet = lookup.metadata.pallets.find(({ name }) => name === PALLET);
  const stored = (entry: string) => {
    const type = pallet?.storage?.items.find(({ name }) => name === entry)?.type;
    return type === undefined || type.tag === 'plain' ? undefined : lookup(type.value.value);
  };
  const events = pallet?.events === undefined ? undefined : lookup(pallet.events.type);
  const agreed = events?.type === 'enum' ? events.value.Agreed : undefined;
  const [job, input] = ['Jobs', 'Inputs'].map(stored);
  const output = agreed?.type === 'struct' ? agreed.value.output : undefined;
  if (job === undefined || input === undefined || output === undefined) {
    throw new SibylError(
      'WrongChain',
      'The metadata has no jobs, inputs and outputs as this version of @sibyl/client reads them: update it.',
    );
  }
  return { job, input, output };
}

/** The hash of the types' layouts. */
export const layoutHash = ({ job, input, output }: ResultTypes): Hex =>
  toHex(Blake2256(new TextEncoder().encode([job, input, output].map(layoutOf).join('\n'))));

/** A type, with all that decides how its bytes are read and what they are called. */
function layoutOf(type: LookupEntry | Var): string {
  switch (type.type) {
    case 'primitive':
      return type.value;
    case 'compact':
      return `compact ${type.size}`;
    case 'bitSequence':
      return `bits ${type.isLSB}`;
    case 'sequence':
      return `[${layoutOf(type.value)}]`;
    case 'array':
      return `[${layoutOf(type.value)}; ${type.len}]`;
    case 'option':
      return `option ${layoutOf(type.value)}`;
    case 'result':
      return `result ${layoutOf(type.value.ok)}, ${layoutOf(type.value.ko)}`;
    case 'tuple':
      return `(${type.value.map(layoutOf).join(', ')})`;
    case 'struct':
      return `{ ${Object.entries(type.value)
        .map(([name, value]) => `${name}: ${layoutOf(value)}`)
        .join(', ')} }`;
    case 'enum': {
      const variants = Object.entries(type.value).map(
        ([name, value]) => `${value.idx} ${name}: ${layoutOf(value.type === 'lookupEntry' ? value.value : value)}`,
      );
      return `${type.byteLength ?? ''}<${variants.join(' | ')}>`;
    }
    default:
      return type.type;
  }
}
