// What a light client in a browser needs of a chain's specification.
import { PlainError } from './trouble.js';

/** A specification that a light client can start from. */
export interface Spec {
  json: object;
  bootNodes: string[];
}

const LARGEST = 64 * 1024 * 1024;

/** Reads a specification; throws a `PlainError` where a light client in a browser can't start from it. */
export function specOf(text: string, moreBootNodes: string): Spec {
  if (text.trim() === '') throw new PlainError('There is no specification.', 'Choose a file, give an address, or paste it.');
  if (text.length > LARGEST) throw new PlainError('This is too large for a specification.', 'Choose another file.');
  const json = parse(text);
  const { genesis, bootNodes } = json as { genesis?: { raw?: unknown; stateRootHash?: unknown }; bootNodes?: unknown };
  if (genesis?.raw === undefined && genesis?.stateRootHash === undefined) {
    throw new PlainError(
      'This is not the raw form of a chain’s specification.',
      'Make it so: sibyl-node export-chain-spec --chain NAME --raw --output chain.raw.json.',
    );
  }
  const more = moreBootNodes.split(/\s+/).filter((node) => node !== '');
  const wrong = more.find((node) => !/^\/.+\/p2p\/\w+$/.test(node));
  if (wrong !== undefined) {
    throw new PlainError(`“${wrong}” is no address of a boot node.`, 'It looks like /ip4/127.0.0.1/tcp/30334/ws/p2p/12D3…; a node says its own at its start.');
  }
  const all = [...(Array.isArray(bootNodes) ? bootNodes.filter((node) => typeof node === 'string') : []), ...more];
  if (!all.some(isReachable)) {
    throw new PlainError(
      all.length === 0 ? 'The specification has no boot nodes.' : 'A browser reaches none of the boot nodes: they have no /ws or /wss.',
      'Give a boot node that has it. A node listens so with --listen-addr /ip4/0.0.0.0/tcp/30334/ws.',
    );
  }
  return { json, bootNodes: more };
}

/** Whether a browser can reach a node of this multiaddress. */
export const isReachable = (address: string): boolean => /\/(ws|wss)(\/|$)/.test(address) || address.includes('/webrtc-direct/');

function parse(text: string): object {
  try {
    const json: unknown = JSON.parse(text);
    if (typeof json === 'object' && json !== null && !Array.isArray(json)) return json;
  } catch {
    // Told below.
  }
  throw new PlainError('This is no chain specification: it is not JSON.', 'Choose the file that sibyl-node export-chain-spec --raw writes.');
}

/** Fetches a specification from an address. */
export async function fetchSpec(url: string): Promise<string> {
  const todo = 'Check the address, or fetch the file yourself and choose it. The server must allow other pages to read it (CORS).';
  let response: Response;
  try {
    const address = new URL(url);
    if (!/^https?:$/.test(address.protocol)) throw new TypeError('no address of the web');
    response = await fetch(address, { credentials: 'omit', referrerPolicy: 'no-referrer' });
  } catch {
    throw new PlainError(`Nothing could be read from ${url}.`, todo);
  }
  if (!response.ok) throw new PlainError(`${url} answers with ${response.status}.`, todo);
  return response.text();
}
