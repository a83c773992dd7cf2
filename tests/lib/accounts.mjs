import { Keyring } from '@polkadot/keyring';
import { cryptoWaitReady } from '@polkadot/util-crypto';

await cryptoWaitReady();
const keyring = new Keyring({ type: 'sr25519' });

/**
 * The account of a secret URI such as `//Alice`.
 * @param {string} uri
 */
export const account = (uri) => keyring.createFromUri(uri);

/**
 * The account of a well-known name such as `alice`.
 * @param {string} name
 */
export const accountNamed = (name) => account(`//${name[0].toUpperCase()}${name.slice(1)}`);

export const SIB = 10n ** 12n;
