import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { account, accountNamed } from '../lib/accounts.mjs';
import { accountFor, misbehave, whoPaid } from '../lib/byzantine.mjs';
import { submitAndInclude, waitForFinalized } from '../lib/chain.mjs';
import { assertShows } from '../lib/forms.mjs';
import { eventsNamed, eventsOfJob, validatorAt, voteOf, waitForJob, waitUntilServedBy } from '../lib/inference.mjs';
import { Network, VALIDATORS } from '../lib/network.mjs';
import { outputOf } from '../lib/snippets.mjs';
import { showSteps } from '../lib/steps.mjs';

// Not a validator: an author would get fees back.
const requester = account('//Ferdie');
// Of a billion: 2 %.
const SLASH = 20_000_000;

/** Each is a deed, who does it, and what is asked. Who withholds goes first, since the liar is disabled for it. */
const CASES = [
  {
    deed: 'withhold', culprit: 'charlie', fault: 'Withheld', title: 'commits and does not reveal',
    text: 'Je voudrais un café et deux croissants, s’il vous plaît.', label: 'fra', falseLabel: 'ita',
  },
  {
    deed: 'lie', culprit: 'dave', fault: 'Contradicted', title: 'gives another answer than its engine',
    text: 'Wo ist hier bitte der nächste Bahnhof?', label: 'deu', falseLabel: 'nld',
  },
];

describe('a network of four validators, one of which misbehaves', () => {
  const network = new Network();

  before(async () => {
    await network.start();
    await waitUntilServedBy(await network.client(), VALIDATORS);
  });
  after(() => network.stop());

  for (const { deed, culprit, fault, title, text, label, falseLabel } of CASES) {
    describe(`where ${culprit} ${title}`, () => {
      let api, view, events, told, unbonded;
      const said = [];
      const say = (line) => said.push(`demo: ${line}`);

      before(async () => {
        api = await network.api();
        const misbehaved = async ({ id }) => {
          if (deed !== 'withhold') return;
          // The seat is open for the whole time for reveals and for a second round.
          await waitForJob(api, id, 'to wait for reveals', ({ phase }) => !phase.isPending && !phase.isCommitting);
          unbonded = await unbondEverything(api, culprit);
        };
        const shown = [];
        const asked = (job) => shown.push(showSteps(job, text, say));
        const tell = (line) => say(`  ${line}`);
        view = await misbehave(network, { deed, culprit, text, falseLabel, requester, misbehaved, asked, tell });
        await Promise.all(shown);
        events = await eventsOfJob(api, view);
        told = await accountFor(api, view, { culprit, requester, label });
        for (const line of whoPaid(view, told)) say(line);
      });

      it('gives the right answer, by a quorum of a second round', () => {
        assert.ok(view.phase.asEnded.verdict.isAgreed);
        assert.equal(told.answer, label);
        assert.equal(view.committees.length, 2);
        const { round, seats, agreed } = view.agreed.unwrap().support;
        assert.equal(round.toNumber(), 1);
        assert.ok(3 * agreed.toNumber() > 2 * seats.toNumber(), `${agreed} of ${seats}`);
        assert.equal(eventsNamed(events, 'SecondRoundBegan').length, 1);
        assert.ok(view.phase.asEnded.at.lte(view.endsBy));
      });

      it('tells on every validator the same result, with its round', async () => {
        const at = (await api.rpc.chain.getBlockHash(view.phase.asEnded.at)).toHex();
        await Promise.all(network.validators.map(async (node) =>
          waitForFinalized(await node.api(), view.phase.asEnded.at.toNumber())));
        const [first, ...others] = await Promise.all(network.validators.map((node) =>
          node.rpc('inference_getResult', view.id.toNumber(), at)));
        for (const other of others) assert.deepEqual(other, first);
        assert.equal(first.status, 'agreed');
        assert.equal(first.answer.classification.label, label);
        assert.equal(first.support.round, 1);
      });

      it(`says that ${culprit} ${fault === 'Withheld' ? 'withheld its reveal' : 'is contradicted'}, and nobody else`, () => {
        const faults = eventsNamed(events, 'SeatCharged').map(({ data }) => data);
        assert.ok(faults.length > 0);
        for (const charged of faults) {
          assert.ok(charged.validator.eq(accountNamed(culprit).publicKey));
          assert.equal(charged.fault.type, fault);
        }
        assert.equal(voteOf(view, culprit).type, fault === 'Withheld' ? 'Committed' : 'Revealed');
      });

      if (deed === 'lie') {
        it('slashes 2 % of the liar\'s stake, later', () => assert.equal(told.slash, SLASH));

        it('is told as README.md shows it', () => assertShows(outputOf('README.md', 'demo:   dave says “nld”'), said.join('\n')));
      } else {
        it('slashes nobody', () => assert.equal(told.slash, null));

        it('lets it take no bond back while the seat is open: BondReserved', (test) => {
          if (unbonded.isOpenStill) assert.match(unbonded.message, /failed: inference\.BondReserved: \S/);
          else test.skip('this machine was too slow to ask while the seat was open');
        });
      }

      it('has a sound account of who paid', () => {
        for (const [claim, holds] of told.claims) assert.ok(holds, `${claim}: ${show(told)}`);
      });
    });
  }
});

/** Tries to take the whole bond back; says what came of it, and whether a seat was open then. */
async function unbondEverything(api, name) {
  const validator = accountNamed(name);
  const { bond } = await validatorAt(api, (await api.rpc.chain.getHeader()).hash, name);
  const message = await submitAndInclude(api, api.tx.inference.unbondService(bond), validator)
    .then(() => 'nothing', (error) => error.message);
  const now = await validatorAt(api, (await api.rpc.chain.getHeader()).hash, name);
  // Where it came after all, it goes back: the rest of the tests needs it.
  if (message === 'nothing') await submitAndInclude(api, api.tx.inference.bondService(bond), validator);
  return { message, isOpenStill: !now.openSeats.isZero() };
}

const show = (told) => JSON.stringify(told, (_, value) => (typeof value === 'bigint' ? `${value}` : value));
