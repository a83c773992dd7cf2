// Who asks and pays: accounts that every development chain has, and those of wallets in the browser.
import { signerFromSecret, type Hex, type Signer } from '@sibyl/client';
import { connectInjectedExtension, getInjectedExtensions } from 'polkadot-api/pjs-signer';

import { PlainError } from './trouble.js';

/** An account that can sign. */
export interface Account {
  id: string;
  label: string;
  /** Its public key. */
  key: Hex;
  signer: Signer;
}

const DEVELOPERS = ['Alice', 'Bob', 'Charlie', 'Dave', 'Eve', 'Ferdie'];

/** The accounts with public secrets; for development chains alone. */
export function developers(): Account[] {
  return DEVELOPERS.map((name) => {
    const signer = signerFromSecret(`//${name}`);
    return { id: `dev:${name}`, label: `//${name}`, key: hexOf(signer.publicKey), signer };
  });
}

/** The accounts of all wallets in this browser that let the page see them. */
export async function walletAccounts(): Promise<Account[]> {
  const names = getInjectedExtensions();
  if (names.length === 0) {
    throw new PlainError('This browser has no wallet that this page can see.', 'Install one for Substrate chains, such as Talisman, SubWallet or polkadot.js, allow it on this page, and reload.');
  }
  const asked = await Promise.allSettled(names.map((name) => connectInjectedExtension(name, 'Sibyl console')));
  const accounts = asked.flatMap((wallet, at) => (wallet.status === 'rejected' ? [] : wallet.value.getAccounts().map((account) => ({
    id: `${names[at]}:${account.address}`,
    label: `${account.name ?? account.address} (${names[at]})`,
    key: hexOf(account.polkadotSigner.publicKey),
    signer: account.polkadotSigner,
  }))));
  if (accounts.length === 0) {
    throw new PlainError('No wallet shows this page an account.', 'Open the wallet, allow this page there, and try again.');
  }
  return accounts;
}

/** Bytes as `0x` and hexadecimal digits. */
export const hexOf = (bytes: Uint8Array): Hex => `0x${[...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')}`;
