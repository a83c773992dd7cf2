// A receipt, as a node makes it.
import type { Chain } from './chain.js';
import { messageOf, SibylError, type SibylErrorCode } from './errors.js';
import type { Receipt } from './receipt.js';

const METHOD_NOT_FOUND = -32601;
/** What the node's own errors are here; docs/rpc.md lists them. */
const CODES: Record<number, SibylErrorCode> = {
  10001: 'PrunedJob',
  10018: 'NodeSyncing',
  10020: 'NoResult',
  10021: 'ReceiptUnsupported',
  [METHOD_NOT_FOUND]: 'ReceiptUnsupported',
};

/** Asks a node for the receipt of the job that has this number in a final block. */
export async function requestReceipt(chain: Pick<Chain, 'name' | 'source' | 'request'>, job: bigint): Promise<Receipt> {
  if (chain.source === 'light client') throw new SibylError('ReceiptUnsupported', `${chain.name} gives no receipt: nodes make them.`);
  try {
    // As text, since a number of JSON is exact up to 2⁵³ alone.
    return await chain.request<Receipt>('inference_getReceipt', `${job}`);
  } catch (error) {
    throw ofNode(chain.name, error);
  }
}

function ofNode(name: string, error: unknown): unknown {
  const cause = error instanceof SibylError ? error.cause : undefined;
  const number = (cause as { code?: number } | undefined)?.code;
  if (number === undefined) return error;
  const why = number === METHOD_NOT_FOUND ? 'it does not have the method' : messageOf(cause);
  return new SibylError(CODES[number] ?? 'NodeFailed', `${name} gives no receipt: ${why}.`, { cause });
}
