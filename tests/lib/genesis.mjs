// Chain specifications that differ from those of the presets.
import { Keyring } from '@polkadot/keyring';

import { accountNamed, SIB } from './accounts.mjs';

const STAKE = 100_000n * SIB;
const SERVICE_BOND = 1_000n * SIB;
const ENDOWMENT = 1_000_000n * SIB;

const ed25519 = new Keyring({ type: 'ed25519' });

/**
 * A plain specification with further genesis validators: their keys are those that the flags of their names make.
 * @param {any} spec
 * @param {string[]} names
 */
export function withFurtherValidators(spec, names) {
  const { balances, inference, session, staking } = spec.genesis.runtimeGenesis.patch;
  for (const name of names) {
    const { address } = accountNamed(name);
    const { address: voter } = ed25519.createFromUri(`//${name[0].toUpperCase()}${name.slice(1)}`);
    if (!balances.balances.some(([endowed]) => sameAccount(endowed, address))) balances.balances.push([address, Number(ENDOWMENT)]);
    inference.serviceBonds.push([address, Number(SERVICE_BOND)]);
    session.keys.push([address, address, { babe: address, grandpa: voter, authority_discovery: address, inference: voter }]);
    staking.stakers.push([address, address, Number(STAKE), 'Validator']);
  }
  return spec;
}

const sameAccount = (one, other) => ed25519.encodeAddress(one) === ed25519.encodeAddress(other);
