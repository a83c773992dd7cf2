import assert from 'node:assert/strict';
import { it } from 'node:test';

import { account, SIB } from '../../lib/accounts.mjs';
import { balanceAt, submitAndFinalize } from '../../lib/chain.mjs';

// The version byte of a signed extrinsic of format 4: the highest bit says that it is signed.
const SIGNED_V4 = 0x84;

/** @param {import('../../lib/network.mjs').Network} network */
export function transfers(network) {
  it('moves exactly the amount and the fee with a signed extrinsic of version 4', async () => {
    const api = await network.api();
    // Not a validator: an author would get fees back.
    const sender = account('//Ferdie');
    const recipient = account('//Recipient');
    const amount = 5n * SIB;

    const transfer = api.tx.balances.transferKeepAlive(recipient.address, amount);
    const { blockHash, txHash, events } = await submitAndFinalize(api, transfer, sender);

    const { block } = await api.rpc.chain.getBlock(blockHash);
    const included = block.extrinsics.find(({ hash }) => hash.eq(txHash));
    assert.equal(included.version, SIGNED_V4);
    assert.ok(included.signer.eq(sender.address));

    const { who, actualFee } = events.find(api.events.transactionPayment.TransactionFeePaid.is).data;
    assert.ok(who.eq(sender.address));
    assert.ok(actualFee.toBigInt() > 0n);

    const change = async ({ address }) =>
      (await balanceAt(api, blockHash, address)) - (await balanceAt(api, block.header.parentHash, address));
    assert.equal(await change(recipient), amount);
    assert.equal(await change(sender), -(amount + actualFee.toBigInt()));
  });
}
