import {
  createDerive,
  DEV_PHRASE,
  entropyToMiniSecret,
  mnemonicToEntropy,
  parseSuri,
  sr25519,
  sr25519Derive,
  validateMnemonic,
} from '@polkadot-labs/hdkd-helpers';
import type { PolkadotSigner } from 'polkadot-api';
import { getPolkadotSigner } from 'polkadot-api/signer';

import { SibylError } from './errors.js';
import { fromHex, isHexOf } from './hex.js';
import { show } from './names.js';

/** What of polkadot.js's `KeyringPair` is needed. */
export interface Pair {
  readonly publicKey: Uint8Array;
  readonly type: string;
  sign(message: Uint8Array): Uint8Array;
}

/** Who signs: a `PolkadotSigner`, as polkadot-api and wallets have it, or a `KeyringPair` of polkadot.js. */
export type Signer = PolkadotSigner | Pair;

const SCHEMES = { sr25519: 'Sr25519', ed25519: 'Ed25519', ecdsa: 'Ecdsa' } as const;
const MINI_SECRET_BYTES = 32;

/** The signer as polkadot-api has it. */
export function toPolkadotSigner(signer: Signer): PolkadotSigner {
  const given = signer as Partial<PolkadotSigner & Pair> | undefined | null;
  if (given?.publicKey instanceof Uint8Array) {
    if (typeof given.signTx === 'function') return given as PolkadotSigner;
    const { type = '', sign } = given;
    if (typeof sign === 'function' && Object.hasOwn(SCHEMES, type)) {
      return getPolkadotSigner(given.publicKey, SCHEMES[type as keyof typeof SCHEMES], (message) =>
        sign.call(given, message),
      );
    }
  }
  throw new SibylError(
    'InvalidArgument',
    `signer is a PolkadotSigner, a polkadot.js pair, or signerFromSecret('//Alice'), not ${show(signer)}.`,
  );
}

/**
 * The sr25519 signer of a secret URI: a mnemonic or a 32 byte seed in hex, and a path of derivation, such as
 * `//Alice`, which alone stands on the public phrase that development chains use.
 */
export function signerFromSecret(secret: string): PolkadotSigner {
  const { phrase = '', paths = '', password = '' } = parse(secret);
  const derive = createDerive({ seed: miniSecret(phrase, password), curve: sr25519, derive: sr25519Derive });
  const { publicKey, sign } = derive(paths);
  return getPolkadotSigner(publicKey, 'Sr25519', sign);
}

// No error shows any of a secret.
function parse(secret: unknown) {
  try {
    const text = secret as string;
    return parseSuri(text.startsWith('/') ? DEV_PHRASE + text : text);
  } catch {
    throw new SibylError(
      'InvalidArgument',
      'a secret is a mnemonic or a seed in hex, and a path such as //Alice behind it.',
    );
  }
}

function miniSecret(phrase: string, password: string): Uint8Array {
  if (isHexOf(phrase, MINI_SECRET_BYTES)) return fromHex(phrase);
  if (validateMnemonic(phrase)) return entropyToMiniSecret(mnemonicToEntropy(phrase), password);
  throw new SibylError(
    'InvalidArgument',
    'the secret is neither a mnemonic of English words with a right checksum, nor 32 bytes in hex.',
  );
}
