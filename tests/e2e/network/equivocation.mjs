import assert from 'node:assert/strict';
import { it } from 'node:test';

import { u8aToHex, u8aToString } from '@polkadot/util';

import { account } from '../../lib/accounts.mjs';
import { eventsAt, finalizedNumber, waitForFinalized, waitForFinalizedBlock } from '../../lib/chain.mjs';
import { MINUTES } from '../../lib/wait.mjs';

const BABE_EQUIVOCATION = 'babe:equivocatio';

/** @param {import('../../lib/network.mjs').Network} network */
export function equivocation(network) {
  it('reports, slashes and disables a validator that makes two blocks in a slot', async () => {
    const api = await network.api();
    const dave = account('//Dave');
    const startedAt = await finalizedNumber(api);
    // No other key of Dave's: two different votes for finality would disable him too, perhaps before he makes two blocks.
    const again = await network.add('dave-again', '--validator');
    await again.rpc('author_insertKey', 'babe', '//Dave', hex(dave));

    const { events, head } = await untilOffence(api, startedAt);
    const reported = events.find(api.events.staking.SlashReported.is).data;
    assert.equal(reported.validator.toHex(), hex(dave));
    assert.ok(reported.fraction.toNumber() > 0);
    const disabled = events.find(api.events.session.ValidatorDisabled.is).data;
    assert.equal(disabled.validator.toHex(), hex(dave));

    const state = await api.at(head.hash);
    assert.deepEqual(await disabledValidators(state), [hex(dave)]);
    assert.ok(await pendingSlash(state, dave) > 0n);
    await waitForFinalized(api, head.number.toNumber() + 3);
  });
}

/** The first finalised block in which a BABE equivocation is an offence, with its events. */
async function untilOffence(api, above) {
  let events;
  const head = await waitForFinalizedBlock(api, `a block above #${above} with the offence ${BABE_EQUIVOCATION}`, async (each) => {
    events = await eventsAt(api, each.hash);
    return events.filter(api.events.offences.Offence.is).some(({ data }) => u8aToString(data.kind.toU8a()) === BABE_EQUIVOCATION);
  }, 3 * MINUTES);
  return { events, head };
}

async function disabledValidators({ query }) {
  const [validators, disabled] = await Promise.all([query.session.validators(), query.session.disabledValidators()]);
  return disabled.map(([index]) => validators[index.toNumber()].toHex());
}

/** What the validator is to lose once the time to cancel the slash is over. */
async function pendingSlash({ query }, { publicKey }) {
  const slashes = (await query.staking.unappliedSlashes.entries()).flatMap(([, ofEra]) => [...ofEra]);
  return slashes.find(({ validator }) => validator.eq(publicKey)).own.toBigInt();
}

const hex = ({ publicKey }) => u8aToHex(publicKey);
