import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { connect, DispatchError, QuoteError, signerFromSecret } from '../dist/index.js';
import { unknownJob } from '../dist/job.js';
import { priceOf } from '../dist/quote.js';
import { toPolkadotSigner } from '../dist/signer.js';
import { dispatchError, Nonces, submit } from '../dist/submission.js';
import { refusedAs } from './refused.mjs';

const ALICE = Uint8Array.of(1);
const BOB = Uint8Array.of(2);

describe('nonces', () => {
  it('differ, though the chain has not seen those before', async () => {
    const nonces = new Nonces(async () => 5);
    assert.deepEqual(await Promise.all([ALICE, ALICE, BOB, ALICE].map((who) => nonces.take(who))), [5, 6, 5, 7]);
  });

  it('go on from the chain’s where that is ahead', async () => {
    let next = 5;
    const nonces = new Nonces(async () => next);
    assert.equal(await nonces.take(ALICE), 5);
    next = 9;
    assert.equal(await nonces.take(ALICE), 9);
  });

  it('are the chain’s again after one was not used, and when what was sent must have come', async () => {
    let now = 0;
    const nonces = new Nonces(async () => 5, 60_000, () => now);
    await nonces.take(ALICE);
    nonces.giveBack(ALICE);
    assert.equal(await nonces.take(ALICE), 5);
    assert.equal(await nonces.take(ALICE), 6);
    now = 60_001;
    assert.equal(await nonces.take(ALICE), 5);
  });

  it('do not stop at a question that failed', async () => {
    const answers = [Promise.reject(new Error('gone')), Promise.resolve(5)];
    const nonces = new Nonces(() => answers.shift());
    const [first, second] = await Promise.allSettled([nonces.take(ALICE), nonces.take(ALICE)]);
    assert.equal(first.status, 'rejected');
    assert.equal(second.value, 5);
  });
});

describe('submitting', () => {
  const signer = { publicKey: ALICE };
  const found = { type: 'txBestBlocksState', found: true, block: { hash: '0x02', number: 2 }, txHash: '0x01' };
  const submitted = {
    ok: true,
    events: [{ type: 'Inference', value: { type: 'JobSubmitted', value: { job: 7n, fingerprint: '0xab' } } }],
  };
  const refusedInBlock = {
    ok: false,
    dispatchError: { type: 'Module', value: { type: 'Inference', value: { type: 'Busy' } } },
  };

  /** A chain that tells this of every transaction. */
  const chain = (events, error) => ({
    name: 'the node',
    errorDocs: async () => 'Try again.',
    submit: () => ({
      subscribe(observer) {
        const tell = async () => {
          for (const event of events) {
            observer.next(event);
            // Blocks come one after the other.
            await new Promise(setImmediate);
          }
          if (error) observer.error(error);
        };
        tell();
        return { unsubscribe() {} };
      },
    }),
  });
  const outcome = (...told) => submit(chain(...told), new Nonces(async () => 0), {}, signer, 0n);

  it('is over with the best block that has the job', async () => {
    assert.deepEqual(await outcome([{ type: 'signed' }, { ...found, ...submitted }]), {
      number: 7n, fingerprint: '0xab', txHash: '0x01', block: { hash: '0x02', number: 2 },
    });
  });

  it('takes a refusal from a final block alone, since another fork may take the job', async () => {
    const taken = await outcome([{ type: 'signed' }, { ...found, ...refusedInBlock }, { ...found, ...submitted }]);
    assert.equal(taken.number, 7n);
    await assert.rejects(outcome([{ type: 'signed' }, { ...found, ...refusedInBlock }, { ...found, type: 'finalized', ...refusedInBlock }]), (error) =>
      error instanceof DispatchError && error.pallet === 'Inference' && error.reason === 'Busy' && error.docs === 'Try again.' &&
      error.message === 'Inference.Busy: Try again.');
  });

  it('tells why a transaction can’t come into a block, and what kept it from being signed', async () => {
    const invalid = Object.assign(new Error('{\n"type": "Invalid"\n}'), { error: { type: 'Invalid', value: { type: 'Payment' } } });
    await assert.rejects(outcome([{ type: 'signed' }], invalid), refusedAs('TransactionInvalid', "can't pay"));
    await assert.rejects(outcome([], new Error('Cancelled')), refusedAs('SigningFailed', 'Cancelled'));
  });

  it('names errors that are of no pallet', async () => {
    const error = await dispatchError(chain([]), { type: 'Token', value: { type: 'FundsUnavailable' } });
    assert.equal(error.message, 'Token.FundsUnavailable');
  });
});

describe('quotes', () => {
  const model = { name: 'smollm2' };

  it('are prices in bigints', () => {
    const value = { seats: 3, per_seat: 2n, author_share: 0n, protocol_share: 1n, total: 7n };
    assert.deepEqual(priceOf(model, { success: true, value }), { seats: 3, perSeat: 2n, authorShare: 0n, protocolShare: 1n, total: 7n });
  });

  it('tell why there is no price, with the chain’s number', () => {
    const refused = (type, value) => () => priceOf(model, { success: false, value: { type, value } });
    const isOf = (reason, limit, part) => (error) =>
      error instanceof QuoteError && refusedAs('QuoteRefused', part)(error) && error.reason === reason && error.limit === limit;
    assert.throws(refused('InputTooLong', { limit: 4096 }), isOf('InputTooLong', 4096, '4096 bytes'));
    assert.throws(refused('NoOutputUnits', { least: 5 }), isOf('NoOutputUnits', 5, 'at least 5'));
    assert.throws(refused('Suspended'), isOf('Suspended', undefined, 'no jobs for now'));
    assert.throws(refused('SomethingNew'), isOf('SomethingNew', undefined, 'SomethingNew'));
  });
});

describe('signers', () => {
  const hex = ({ publicKey }) => Buffer.from(publicKey).toString('hex');

  it('come from secrets as on the command line of Substrate', () => {
    assert.equal(hex(signerFromSecret('//Alice')), 'd43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d');
    const phrase = 'bottom drive obey lake curtain smoke basket hold race lonely fit walk';
    assert.equal(hex(signerFromSecret(`${phrase}//Alice`)), hex(signerFromSecret('//Alice')));
    assert.notEqual(hex(signerFromSecret(`${phrase}//Alice///word`)), hex(signerFromSecret('//Alice')));
  });

  it('are told to be none without a part of the secret', () => {
    for (const wrong of ['bottom drive obey lake', 'correct horse battery', '0x1234', '', undefined]) {
      assert.throws(() => signerFromSecret(wrong), (error) => refusedAs('InvalidArgument')(error) && !error.message.includes('bottom') && !error.message.includes('1234'));
    }
  });

  it('may be pairs of polkadot.js', async () => {
    const pair = { publicKey: new Uint8Array(32), type: 'ed25519', sign: (message) => message };
    const signer = toPolkadotSigner(pair);
    assert.equal(signer.publicKey, pair.publicKey);
    assert.equal(typeof signer.signTx, 'function');
    for (const wrong of [undefined, '//Alice', {}, { ...pair, type: 'ethereum' }]) {
      assert.throws(() => toPolkadotSigner(wrong), refusedAs('InvalidArgument', 'signerFromSecret'));
    }
  });
});

describe('a job that nobody knows', () => {
  const chain = (isSyncing) => ({ name: 'The node', isSyncing: async () => isSyncing });

  it('may be one that the node does not know yet', async () => {
    assert(refusedAs('NodeSyncing', 'still syncing')(await unknownJob(chain(true), 7n)));
    assert(refusedAs('UnknownJob', 'knows no job 7')(await unknownJob(chain(false), 7n)));
  });
});

describe('connecting', () => {
  it('takes a url or a chain specification, and no other names', async () => {
    await assert.rejects(connect({ uri: 'ws://127.0.0.1:9944' }), refusedAs('UnknownOption', "'url'"));
    await assert.rejects(connect({ url: 'ws://127.0.0.1:9944', chainSpec: '{}' }), refusedAs('InvalidArgument', 'one of them'));
    await assert.rejects(connect({ url: 'http://127.0.0.1:9944' }), refusedAs('InvalidArgument', 'ws://'));
    await assert.rejects(connect({}), refusedAs('InvalidArgument'));
    await assert.rejects(connect('ws://127.0.0.1:9944'), refusedAs('InvalidArgument'));
  });

  it('by a light client needs a specification with boot nodes', async () => {
    await assert.rejects(connect({ chainSpec: '{' }), refusedAs('InvalidArgument', 'JSON'));
    await assert.rejects(connect({ chainSpec: { name: 'A chain', bootNodes: [] } }), refusedAs('InvalidArgument', 'boot nodes'));
    const bootNodes = ['/ip4/127.0.0.1/tcp/1/p2p/12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp'];
    await assert.rejects(connect({ chainSpec: { name: 'A chain' }, bootNodes }), refusedAs('InvalidArgument', "can't take"));
  });
});
