import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';

import { account, accountNamed } from '../../lib/accounts.mjs';
import { balanceAt, eventsAt, finalizedNumber, waitForFinalized } from '../../lib/chain.mjs';
import {
  askByPolkadotJs, assertInTime, blocksToSettle, committeeOf, eventsNamed, eventsOfJob, jobAt, MODEL, model, modelId, utf8,
  validatorAt, waitForEnd,
} from '../../lib/inference.mjs';
import { VALIDATORS } from '../../lib/network.mjs';

const TEXT = 'Wo ist hier der nächste Bahnhof, bitte?';
const LABEL = 'deu';

/** @param {import('../../lib/network.mjs').Network} network */
export function agreement(network) {
  describe('asked a text by polkadot.js', () => {
    // Not a validator: an author would get fees back.
    const requester = account('//Ferdie');
    let api, job, view, events, settledIn;

    before(async () => {
      api = await network.api();
      job = await askByPolkadotJs(api, TEXT, requester);
      view = await waitForEnd(api, job);
      events = await eventsOfJob(api, view);
      settledIn = await api.rpc.chain.getBlockHash(view.phase.asEnded.at);
    });

    it('agrees on its language, and settles the job', (test) => {
      assert.ok(view.phase.asEnded.verdict.isAgreed);
      assertInTime(api, view);
      test.diagnostic(`settled after ${blocksToSettle(view)} blocks`);
      assert.equal(committeeOf(view).seats.length, VALIDATORS.length);
      const [{ data: { output } }] = eventsNamed(events, 'Agreed');
      assert.equal(output.asAnswer.asClassification.label.toUtf8(), LABEL);
    });

    it('says how many of how many seats agreed, in which round', () => {
      const [{ data }] = eventsNamed(events, 'Agreed');
      const { support } = view.agreed.unwrap();
      assert.equal(data.support.toHex(), support.toHex());
      const { round, seats, agreed, serving } = support;
      assert.deepEqual([round, seats, serving].map(Number), [0, VALIDATORS.length, VALIDATORS.length]);
      // A reveal may come in a later block than the quorum.
      assert.ok(3 * agreed.toNumber() > 2 * VALIDATORS.length && agreed.toNumber() <= VALIDATORS.length, `${agreed}`);
      assert.equal(view.audit.type, 'None', 'jobs of all seats are not audited');
    });

    it('counts what each validator did and earned', async () => {
      const submittedIn = await api.rpc.chain.getBlockHash(view.submittedAt);
      for (const name of VALIDATORS) {
        const [before, after] = await Promise.all([submittedIn, settledIn].map((hash) => validatorAt(api, hash, name)));
        const rose = (field) => after.record[field].toBigInt() - before.record[field].toBigInt();
        const counts = ['drawn', 'committed', 'revealed', 'missed', 'abstained', 'lost', 'charged', 'earned'].map(rose);
        assert.deepEqual(counts, [1n, 1n, 1n, 0n, 0n, 0n, 0n, view.quote.perSeat.toBigInt()], name);
        assert.deepEqual([after.reserved, after.openSeats, after.openTime].map(Number), [0, 0, 0], name);
        assert.equal(after.bond.toBigInt(), before.bond.toBigInt(), name);
      }
    });

    it('reserves part of each validator\'s bond from the draw to the settlement', async () => {
      const [{ drawnAt }] = view.committees;
      const drawnIn = await api.rpc.chain.getBlockHash(drawnAt);
      for (const name of VALIDATORS) {
        const { reserved, openSeats, openTime } = await validatorAt(api, drawnIn, name);
        assert.equal(openSeats.toNumber(), 1, name);
        assert.equal(reserved.toBigInt(), view.quote.seats.toBigInt() * view.quote.perSeat.toBigInt(), name);
        assert.ok(openTime.toBigInt() > 0n, name);
      }
    });

    it('shows each step in an event', () => {
      const counts = {};
      for (const { method } of events) counts[method] = (counts[method] ?? 0) + 1;
      assert.deepEqual(counts, {
        JobSubmitted: 1,
        CommitteeDrawn: 1,
        Committed: 4,
        RevealingBegan: 1,
        Revealed: 4,
        Agreed: 1,
        SeatPaid: 4,
        Settled: 1,
      });
    });

    it('takes no commit once a reveal is to be seen', () => {
      const lastCommit = Math.max(...eventsNamed(events, 'Committed').map(({ block }) => block));
      const firstReveal = Math.min(...eventsNamed(events, 'Revealed').map(({ block }) => block));
      assert.ok(lastCommit < firstReveal);
    });

    it('gives the same result over JSON-RPC on each validator', async () => {
      const at = settledIn.toHex();
      await Promise.all(network.validators.map(async (node) =>
        waitForFinalized(await node.api(), view.phase.asEnded.at.toNumber())));
      const results = await Promise.all(network.validators.map((node) => node.rpc('inference_getResult', job, at)));
      for (const result of results) assert.deepEqual(result, results[0]);
      const [{ id, status, answer, outputHash, agreedAt, settled, blockHash, finalized }] = results;
      assert.deepEqual({ id, status, settled, blockHash, finalized }, {
        id: job, status: 'agreed', settled: true, blockHash: at, finalized: true,
      });
      assert.equal(outputHash, view.agreed.unwrap().outputHash.toHex());
      assert.equal(agreedAt, view.agreed.unwrap().at.toNumber());
      assert.equal(answer.classification.label, LABEL);
      const [first, ...others] = answer.classification.scores;
      assert.equal(first.label, LABEL);
      assert.ok(others.every(({ score }) => score <= first.score));
    });

    it('tells over JSON-RPC what became of the job', async () => {
      const told = await network.node('bob').rpc('inference_getJob', job);
      assert.equal(told.fingerprint, view.fingerprint.toHex());
      assert.equal(told.requester, view.requester.toString());
      assert.deepEqual(told.input, { text: TEXT });
      assert.equal(told.phase, 'ended');
      assert.equal(told.verdict, 'agreed');
      assert.equal(told.submittedAt, view.submittedAt.toNumber());
      assert.equal(told.endedAt, view.phase.asEnded.at.toNumber());
      const members = committeeOf(view).seats.map(({ validator }) => validator.toString());
      const [committee] = told.committees;
      assert.deepEqual(committee.revealed.sort(), members.sort());
      assert.deepEqual(committee.missing, []);
      assert.deepEqual(told.agreed.support, { ...supportOf(view), round: 0 });
      const { paid, refunded, authorShare, protocolShare } = told.settlement;
      assert.equal(BigInt(paid) + BigInt(refunded) + BigInt(authorShare) + BigInt(protocolShare), BigInt(told.price.total));
    });

    it('answers every call of its runtime API to polkadot.js, from the metadata alone', async () => {
      const { inferenceApi } = api.call;
      const id = await modelId(api);
      const result = (await inferenceApi.result(job)).asFound.asAgreed;
      assert.equal(result.output.asAnswer.asClassification.label.toUtf8(), LABEL);
      assert.ok((await inferenceApi.job(job)).isFound);
      assert.ok((await inferenceApi.job(2 ** 40)).isUnknown);
      assert.equal((await inferenceApi.openJobs(0, 10)).length, 0);
      assert.equal((await model(api)).servedBy.length, VALIDATORS.length);
      const quote = (await inferenceApi.quote(id, 'All', utf8(TEXT).length / 2 - 1, 0, 'Text')).asOk;
      assert.equal(quote.total.toBigInt(), view.quote.total.toBigInt());
      const [{ session, members }] = await inferenceApi.keySets();
      assert.equal(members.length, VALIDATORS.length);
      const next = (await inferenceApi.nextKeySet()).unwrap();
      assert.ok(next.session.gt(session));
      assert.equal(next.members.length, VALIDATORS.length);
      assert.equal((await inferenceApi.ballotStandings([])).length, 0);
      assert.ok((await inferenceApi.validator(requester.publicKey)).bond.isZero(), 'who does not validate has no bond');
    });

    it('tells over JSON-RPC what a validator has done', async () => {
      const { address } = accountNamed('dave');
      const told = await network.node('bob').rpc('inference_validator', address, settledIn.toHex());
      const { bond, record } = await validatorAt(api, settledIn, 'dave');
      assert.equal(told.bond, bond.toString());
      assert.deepEqual(
        [told.record.drawn, told.record.revealed, told.record.earned],
        [record.drawn.toNumber(), record.revealed.toNumber(), record.earned.toString()],
      );
    });

    it('lists the model, its limits, its price and who serves it over JSON-RPC', async () => {
      const listed = await network.node('charlie').rpc('inference_listModels');
      const told = listed.find(({ name }) => name === MODEL);
      assert.equal(told.id, (await modelId(api)).toHex());
      assert.equal(told.limits.inputBytes, 512);
      assert.equal(told.servedBy.length, VALIDATORS.length);
      const quote = await network.node('charlie').rpc('inference_quote', told.name, 'all', 10, 0);
      const perSeat = BigInt(told.price.base) + 10n * BigInt(told.price.unit);
      assert.deepEqual([quote.seats, BigInt(quote.perSeat)], [VALIDATORS.length, perSeat]);
    });

    it('holds the price, and takes of it just what the seats and the protocol get', async () => {
      const submittedIn = await api.rpc.chain.getBlockHash(view.submittedAt);
      const { parentHash } = await api.rpc.chain.getHeader(submittedIn);
      const held = (await (await api.at(submittedIn)).query.balances.holds(requester.address)).toArray();
      assert.deepEqual(held.map(({ id, amount }) => [id.toString(), amount.toBigInt()]), [
        ['{"inference":"JobFee"}', view.quote.total.toBigInt()],
      ]);
      assert.deepEqual((await (await api.at(settledIn)).query.balances.holds(requester.address)).toArray(), []);

      const [{ data: { paid, refunded, authorShare, protocolShare } }] = eventsNamed(events, 'Settled');
      const amounts = [paid, refunded, authorShare, protocolShare].map((amount) => amount.toBigInt());
      assert.equal(amounts.reduce((sum, amount) => sum + amount), view.quote.total.toBigInt());
      const toSeats = eventsNamed(events, 'SeatPaid').reduce((sum, { data }) => sum + data.amount.toBigInt(), 0n);
      assert.equal(toSeats, paid.toBigInt());

      const [before, after] = await Promise.all([parentHash, settledIn].map((hash) =>
        balanceAt(api, hash, requester.address)));
      const fee = await transactionFee(api, submittedIn, requester);
      assert.equal(before - after, fee + paid.toBigInt() + authorShare.toBigInt() + protocolShare.toBigInt());
    });

    it('says the same of the job at every later block', async () => {
      await waitForFinalized(api, await finalizedNumber(api) + 1);
      const later = await jobAt(api, await api.rpc.chain.getFinalizedHead(), job);
      assert.equal(later.toHex(), view.toHex());
    });
  });
}

/** As JSON-RPC tells it. */
function supportOf(view) {
  const { seats, agreed, serving } = view.agreed.unwrap().support;
  return { seats: seats.toNumber(), agreed: agreed.toNumber(), serving: serving.toNumber() };
}

async function transactionFee(api, hash, { address }) {
  const paid = (await eventsAt(api, hash)).filter(api.events.transactionPayment.TransactionFeePaid.is);
  return paid.find(({ data }) => data.who.eq(address)).data.actualFee.toBigInt();
}
