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
    // No other key of Dave's: two votes for finality would disable him too, perhaps before he makes two blocks.
    const again = await network.add('dave-again', '--validator');
    await again.rpc('author_insertKey', 'babe', '//Dave', hex(dave));

    const { events, head } = await untilPunished(api, startedAt);
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

/**
 * The first finalised block with an offence for which a validator is disabled, and its events. An offence that is
 * reported in the era after it has no such effect, but then the next one has.
 */
async function untilPunished(api, above) {
  const { Offence } = api.events.offences;
  const { ValidatorDisabled } = api.events.session;
  const isEquivocation = (event) => Offence.is(event) && u8aToString(event.data.kind.toU8a()) === BABE_EQUIVOCATION;
  const isPunished = (events) => events.some(isEquivocation) && events.some(ValidatorDisabled.is);
  const head = await waitForFinalizedBlock(
    api,
    `a block above #${above} that disables a validator for the offence ${BABE_EQUIVOCATION}`,
    async ({ hash }) => isPunished(await eventsAt(api, hash)),
    4 * MINUTES,
  );
  return { events: await eventsAt(api, head.hash), head };
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
