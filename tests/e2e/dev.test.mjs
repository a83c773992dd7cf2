import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { WsProvider } from '@polkadot/api';

import { account, SIB } from '../lib/accounts.mjs';
import { sibyl } from '../lib/binary.mjs';
import { balanceAt, submitAndFinalize, waitForFinalized, waitForFinalizedBlock } from '../lib/chain.mjs';
import { ask, committeeOf, waitForEnd, waitUntilServedBy } from '../lib/inference.mjs';
import { devNode } from '../lib/node.mjs';

describe('sibyl-node --dev', () => {
  const node = devNode();

  before(() => node.start());
  after(() => node.stop());

  it('makes and finalises blocks alone', async () => {
    await waitForFinalized(await node.api(), 2);
  });

  it('finalises a transfer', async () => {
    const api = await node.api();
    const recipient = account('//Recipient');
    const transfer = api.tx.balances.transferKeepAlive(recipient.address, 5n * SIB);
    const { blockHash } = await submitAndFinalize(api, transfer, account('//Alice'));
    assert.equal(await balanceAt(api, blockHash, recipient.address), 5n * SIB);
  });

  it('answers a job alone, on its one seat', async () => {
    const api = await node.api();
    await waitUntilServedBy(await node.client(), ['alice']);
    const job = await ask(node, 'A single validator answers this question.', account('//Ferdie'));
    const view = await waitForEnd(api, job);
    assert.ok(view.phase.asEnded.verdict.isAgreed);
    assert.equal(committeeOf(view).seats.length, 1);
    const { answer, support } = await node.rpc('inference_getResult', job);
    assert.equal(answer.classification.label, 'eng');
    assert.deepEqual(support, { round: 0, seats: 1, agreed: 1, serving: 1 });
  });

  describe('asked from the command line', () => {
    const TEXT = 'Wo ist der nächste Bahnhof?';
    const at = () => ['--url', `ws://${node.rpcAddress}`];
    const ask = (...more) => sibyl('ask', '--prompt', TEXT, '--model', 'common-lingua', ...at(), ...more);
    let job;

    it('answers on standard output, and tells the price, the phases and the end beside it', async () => {
      await waitUntilServedBy(await node.client(), ['alice']);
      const { code, stdout, stderr } = await ask('--suri', '//Ferdie', '--yes');
      assert.equal(code, 0, stderr);
      assert.match(stdout, /^deu \(\d+\.\d %\)\n$/);
      assert.match(stderr, /asks 0\.\d+ SIB at most for one seat/);
      assert.match(stderr, /agreed, by 1 of 1 seats\n#\d+ final; 0\.\d+ SIB paid to the seats/);
      job = stderr.match(/^job (\d+) is in block/m)[1];
    });

    it('shows the job, its result and the list that it is in', async () => {
      const shown = await sibyl('job', job, ...at());
      assert.match(shown.stdout, new RegExp(`text +${TEXT.replace('?', '\\?')}\n[^]*agreed, by 1 of 1 seats[^]*revealed`));
      const result = await sibyl('result', job, ...at());
      assert.match(result.stdout, /^deu \(/);
      assert.match(result.stderr, /1 of 1 seats agree, of 1 validators that serve the model; final/);
      const { answer } = JSON.parse((await sibyl('result', job, '--json', ...at())).stdout);
      assert.equal(answer.classification.label, 'deu');
      const jobs = await sibyl('jobs', '--limit', '1', '--before', String(Number(job) + 1), ...at());
      assert.match(jobs.stdout, new RegExp(`^ +${job}  agreed `));
    });

    it('says in its log that it is elected and what it was paid, once the job is final', async () => {
      // The node hears of finality at the same time as who asked.
      await waitForFinalizedBlock(await node.api(), 'the log to tell what was paid', () => node.log().includes(`Job ${job}: paid`));
      assert.match(node.log(), /Session \d+: elected, as \w+/);
      assert.match(node.log(), new RegExp(`Job ${job}: paid 0\\.\\d+ SIB`));
    });

    it('says in a line what is wrong, and submits nothing', async () => {
      const refusals = [
        [ask('--suri', '//Ferdie'), /nothing was submitted: answer y/],
        [ask('--yes'), /nobody pays: give the requester's secret/],
        [ask('--yes', '--suri', 'no such words'), /the requester's secret can't be read/],
        [ask('--yes', '--suri', '//Ferdie', '--max-fee', '0.0001'), /the price, 0\.\d+ SIB, is above --max-fee/],
        [sibyl('ask', '--prompt', TEXT, '--model', 'gpt-5', '--suri', '//Ferdie', ...at()), /no model 'gpt-5': it has/],
        [ask('--yes', '--suri', '//Ferdie', '--seats', '2'), /odd number of seats/],
        [ask('--yes', '--suri', '//Nobody'), /does not take the submission \(.*Inability to pay.*\): look whether/],
        [sibyl('job', '999999', ...at()), /there is no job 999999 yet/],
        [sibyl('jobs', '--url', 'ws://127.0.0.1:1'), /no node answers at ws:\/\/127\.0\.0\.1:1/],
      ];
      for (const [run, said] of refusals) {
        const { code, stdout, stderr } = await run;
        assert.equal(stdout, '');
        assert.match(stderr, said);
        assert.notEqual(code, 0);
      }
    });

    it('tells a job block by block to who subscribes, and proves its result', async () => {
      const api = await node.api();
      const updates = [];
      const provider = new WsProvider(`ws://${node.rpcAddress}`);
      await provider.isReady;
      await new Promise((resolve, reject) => {
        provider.subscribe('inference_job', 'inference_subscribeJob', [String(job)], (error, update) => {
          if (error) return reject(error);
          updates.push(update);
          if (update.finalized) resolve();
        }).catch(reject);
      });
      await provider.disconnect();
      assert.deepEqual(updates.map(({ finalized }) => finalized), [false, true]);
      assert.ok(updates.every(({ job: { id, phase } }) => id === Number(job) && phase === 'ended'));
      const proof = await node.rpc('inference_getResultProof', Number(job));
      const { blockHash, header, keys, finalized } = proof;
      assert.ok(finalized && keys.length === 2 && proof.proof.length > 2);
      assert.equal(api.registry.createType('Header', header).hash.toHex(), blockHash);
      const { proof: same } = await node.rpc('state_getReadProof', keys, blockHash);
      assert.deepEqual([...proof.proof].sort(), [...same].sort());
      const { jobs } = await node.rpc('inference_listJobs', { open: false }, null, 1);
      assert.equal(jobs.length, 1);
    });
  });
});
