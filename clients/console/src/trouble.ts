import { DispatchError, QuoteError, SibylError, type SibylErrorCode } from '@sibyl/client';

/** What went wrong, and what to do about it. */
export interface Trouble {
  what: string;
  todo: string;
}

/** A trouble of this page, already in plain words. */
export class PlainError extends Error {
  constructor(message: string, readonly todo: string) {
    super(message);
  }
}

const DO_NOT_BELIEVE = 'Do not rely on what this node shows. Connect to another one, or use a light client.';

const BY_CODE: Record<SibylErrorCode, string> = {
  InvalidArgument: 'Correct it and try again.',
  UnknownOption: 'Correct it and try again.',
  UnknownModel: 'Choose another model: the list may have changed.',
  UnknownFeed: 'It may have ended: the list has those that there are.',
  UnknownJob: 'It may not be final yet, or its retention of six hours is over. Try again in a few blocks, or remove it from your list.',
  PrunedJob: 'The chain keeps no answers beyond six hours. What this page noted of it stays in your list.',
  QuoteRefused: 'Nothing was sent and nothing was paid.',
  DispatchFailed: 'The transaction fee is paid, nothing is held for the job. Correct it and ask again.',
  TransactionInvalid: 'Nothing was paid. Check that the account has SIB and sends nothing else now, then ask again.',
  SigningFailed: 'Nothing was sent. Unlock the wallet, allow this page there, and ask again.',
  JobLost: 'Nothing is held for it. Ask again.',
  Timeout: 'Check that the node runs and has peers, then try again.',
  Aborted: 'Try again when you like.',
  Unreachable: 'Check the address, and that the node runs: sibyl-node --dev starts one at ws://127.0.0.1:9944. A page from https reaches only wss, and nodes on this machine.',
  Closed: 'Connect again.',
  NodeSyncing: 'Wait until the node has synced, then try again.',
  NodeFailed: 'Try again; if it stays, restart the node or connect to another one.',
  WrongChain: 'Connect to a node of Sibyl, of the version that this page is made for.',
  NoResult: 'Wait a few blocks, then try again.',
  ProofInvalid: DO_NOT_BELIEVE,
  ResultAltered: DO_NOT_BELIEVE,
  QuestionAltered: DO_NOT_BELIEVE,
  ReceiptInvalid: 'Do not rely on this receipt. Have it made again, by another node.',
  ReceiptUnsupported: 'Connect to another node: a receipt shows the answer whatever node has made it.',
  LayoutUnknown: 'Update this page, or verify by a light client.',
};

const BY_REASON: Record<string, string> = {
  BalanceTooLow: 'Choose an account with more SIB, a shorter answer, or fewer seats.',
  FeeAboveLimit: 'The price has changed: show it again.',
  InputEmpty: 'Write something.',
  InputTooLong: 'Shorten it.',
  TooFewValidators: 'Choose fewer seats.',
  TooManyValidators: 'Choose a number of seats.',
  Busy: 'Wait a few blocks, then show the price again.',
  Suspended: 'Choose another model.',
  Retired: 'Choose another model.',
  Inactive: 'Choose another model, or wait until more validators serve this one.',
  OutputTooLong: 'Ask for fewer tokens.',
  NoOutputUnits: 'Ask for more tokens.',
};

/** What to tell of whatever was thrown. */
export function troubleOf(error: unknown): Trouble {
  if (error instanceof PlainError) return { what: sentence(error.message), todo: error.todo };
  if (error instanceof SibylError) {
    const reason = error instanceof QuoteError || error instanceof DispatchError ? BY_REASON[error.reason] : undefined;
    // Begins with the name of the model.
    const what = error instanceof QuoteError ? pointed(error.message) : sentence(error.message);
    return { what, todo: [reason, BY_CODE[error.code]].filter(Boolean).join(' ') };
  }
  const message = error instanceof Error ? error.message : String(error);
  return { what: sentence(`This page failed: ${message}`), todo: 'Reload it. If it fails again, please report it.' };
}

/** A text as a sentence: with a capital, and one point. */
function sentence(text: string): string {
  const line = pointed(text);
  return line.charAt(0).toUpperCase() + line.slice(1);
}

function pointed(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim();
  return /[.!?…]$/.test(line) ? line : `${line}.`;
}
