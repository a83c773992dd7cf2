import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { WsProvider } from '@polkadot/api';

import { account, SIB } from '../lib/accounts.mjs';
import { sibyl } from '../lib/binary.mjs';
import { balanceAt, submitAndFinalize, waitForFinalized, waitForFinalizedBlock } from '../lib/chain.mjs';
import { ask, committeeOf, MODEL, waitForEnd, waitUntilServedBy } from '../lib/inference.mjs';
import {
  alertExpressions, dashboardExpressions, declaredMetrics, documentedMetrics, documentedRefusals, isOfGateway, isSeriesOf, refusals,
  seriesOf, shownMetrics,
} from '../lib/metrics.mjs';
import { devNode } from '../lib/node.mjs';
import { scratch } from '../lib/scratch.mjs';

const ASKERS = 16;
const LEAST_ASKED = 2_000;

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

  it('answers a job while others ask its JSON-RPC without a pause', async (test) => {
    const text = 'Somebody else wants to know something, too.';
    const questions = [
      ['inference_listJobs', {}, null, 100], ['inference_listModels'], ['inference_getJob', 0], ['inference_getResult', 0],
      ['inference_quote', MODEL, { fixed: 1 }, text.length, 0],
    ];
    let [hasEnded, answered] = [false, 0];
    const crowd = Array.from({ length: ASKERS }, async (_, first) => {
      for (let next = first; !hasEnded || answered < LEAST_ASKED; next += 1) {
        await node.rpc(...questions[next % questions.length]);
        answered += 1;
      }
    });
    const answer = async () => waitForEnd(await node.api(), await ask(node, text, account('//Ferdie')));
    const { phase } = await answer().finally(() => { hasEnded = true; });
    await Promise.all(crowd);
    test.diagnostic(`${answered} requests were answered beside it`);
    assert.ok(phase.asEnded.verdict.isAgreed);
  });

  it('has the metrics that docs/metrics.md names, which are all of its own and all that dashboard and alerts use', async () => {
    // The seat's events are in final blocks, which the journal reads a moment after who asked.
    const api = await node.api();
    await waitForFinalizedBlock(api, 'the seat to be counted', async () => (await node.metrics()).includes('outcome="paid"'));
    const documented = documentedMetrics();
    const shown = shownMetrics(await node.metrics());
    const own = new Set([...declaredMetrics(), ...[...shown.keys()].filter((name) => /^(inference|sibyl)_/.test(name))]);
    const used = [...dashboardExpressions(), ...alertExpressions()].flatMap(seriesOf);
    assert.ok(used.includes('inference_seats_total') && used.includes('inference_seconds_bucket'));
    const ofTheMachine = (name) => name === 'up' || name.startsWith('node_');
    assert.deepEqual([...own, ...used].filter((name) => !isSeriesOf(name, documented)), [], 'docs/metrics.md lacks them');
    for (const [name, type] of documented) {
      if (ofTheMachine(name)) continue;
      assert.ok(shown.has(name) || own.has(name), `docs/metrics.md names ${name}, which the node does not have`);
      assert.equal(shown.get(name) ?? type, type, `docs/metrics.md has another type of ${name}`);
    }
    const ofOthers = ['inference_ballots_received_total', 'inference_equivocation_reports_total', 'sibyl_files_requests_total'];
    assert.deepEqual([...own].filter((name) => !shown.has(name) && !ofOthers.includes(name) && !isOfGateway(name)), [], 'the node does not show them');
  });

  it('has the verdicts on ballots that docs/metrics.md lists, and no others', () => {
    assert.ok(refusals().length > 0);
    assert.deepEqual(documentedRefusals().sort(), refusals().sort());
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
      assert.match(stderr, /^\w{40,} signs and pays on Sibyl Development \(genesis 0x[0-9a-f]{8}…[0-9a-f]{10}\)\n.* asks 0\.\d+ SIB at most for one seat/m);
      assert.match(stderr, /agreed, by 1 of 1 seats\n#\d+ final; 0\.\d+ SIB paid to the seats/);
      job = stderr.match(/^job (\d+) is in block/m)[1];
    });

    it('says what the engine of the node holds, in words and for programs', async () => {
      const { code, stdout, stderr } = await sibyl('models', 'ps', ...at());
      assert.equal(code, 0, stderr);
      assert.match(stdout, /^NAME +STATE +MEMORY +WHY\n[^]*^common-lingua +served +\d+ MB\n[^]*^engine +runs, as process \d+\njobs +\d+ running, \d+ waiting\n$/m);
      const { models, queue, engine } = JSON.parse((await sibyl('models', 'ps', '--json', ...at())).stdout);
      assert.equal(models.find(({ name }) => name === 'common-lingua').state, 'served');
      assert.deepEqual([typeof queue.waiting, engine.state], ['number', 'running']);
      const nobody = await sibyl('models', 'ps', '--url', 'ws://127.0.0.1:1');
      assert.match(nobody.stderr, /^Error: no node answers at ws:\/\/127\.0\.0\.1:1 .*\n$/);
      assert.equal(nobody.code, 1);
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

    it('gives a receipt that a stranger checks without a node, and runs the model again', async () => {
      const { stdout: receipt } = await sibyl('receipt', job, ...at());
      const file = join(scratch('receipts'), 'receipt.json');
      await writeFile(file, receipt);
      const { code, stdout, stderr } = await sibyl('verify', file);
      assert.equal(code, 0, stderr);
      assert.match(stdout, /^chain +dev, genesis 0x[0-9a-f]{64}\nWARNING +its first validators have public test keys: .*\nfinal +block #\d+ \(0x[0-9a-f]{64}\), signed by 1 of 1 validators/);
      assert.match(stdout, new RegExp(`model +common-lingua\ntext +${TEXT.replace('?', '\\?')}\nagreed +by 1 of 1 seats`));
      assert.match(stdout, /answer +deu \(\d+\.\d %\)\nrun here +the same \d+ bytes\n$/);
    });

    it('says of a receipt that was changed, or that is of another chain, that it shows nothing', async () => {
      const receipt = JSON.parse((await sibyl('receipt', job, ...at())).stdout);
      const file = join(scratch('receipts'), 'changed.json');
      const flip = (hex, at = hex.length - 1) => hex.slice(0, at) + (hex[at] === '0' ? '1' : '0') + hex.slice(at + 1);
      const other = `0x${'7'.repeat(64)}`;
      const changes = [
        [{ finality: flip(receipt.finality) }, /shows nothing: it ends before the final block/],
        [{ finality: flip(receipt.finality, 300) }, /shows nothing/],
        [{ state: receipt.state.map((part, at) => (at === 1 ? flip(part) : part)) }, /shows nothing: its state is broken/],
        [{ state: receipt.state.slice(1) }, /shows nothing: its state is broken/],
        [{ job: 999_999 }, /shows nothing/],
        [{ genesis: other }, new RegExp(`of a chain with genesis ${other}, and that of dev is 0x`)],
        [{ version: 2 }, /of version 2, and this release reads version 1/],
        [{ state: undefined }, /is no receipt \(missing field `state`/],
      ];
      for (const [change, said] of changes) {
        await writeFile(file, JSON.stringify({ ...receipt, ...change }));
        const { code, stderr } = await sibyl('verify', file, '--chain', 'dev', '--no-run');
        assert.match(stderr, said);
        assert.match(stderr, /^Error: [^\n]+\n$/);
        assert.equal(code, 1);
      }
      await writeFile(file, JSON.stringify(receipt));
      const { stderr } = await sibyl('verify', file, '--chain', 'testnet');
      assert.match(stderr, /of a chain with genesis 0x[0-9a-f]{64}, and that of testnet is 0x/);
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
        [ask('--yes'), /nobody signs and pays: give the account's secret with --suri-file FILE/],
        [ask('--yes', '--suri', 'no such words'), /the account's secret can't be read/],
        [ask('--yes', '--suri', '//Ferdie', '--max-fee', '0.0001'), /the price, 0\.\d+ SIB, is above --max-fee/],
        [sibyl('ask', '--prompt', TEXT, '--model', 'gpt-5', '--suri', '//Ferdie', ...at()), /no model 'gpt-5': it has/],
        [ask('--yes', '--suri', '//Ferdie', '--seats', '2'), /expected an odd number from 1 to 15/],
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

    it('tells the results of each block to who subscribes: when it is best and when it is final', async () => {
      const provider = new WsProvider(`ws://${node.rpcAddress}`);
      await provider.isReady;
      const updates = [];
      const told = new Promise((resolve, reject) => {
        const filter = { requester: account('//Eve').address };
        provider.subscribe('inference_results', 'inference_subscribeResults', [filter], (error, update) => {
          if (error) return reject(error);
          updates.push(update);
          if (update.state === 'final') resolve();
        }).catch(reject);
      });
      assert.equal((await ask('--suri', '//Ferdie', '--yes')).code, 0, "another's, which is not told");
      assert.equal((await ask('--suri', '//Eve', '--yes')).code, 0);
      await told;
      await provider.disconnect();
      assert.deepEqual(updates.map(({ state }) => state), ['best', 'final']);
      const [{ results, blockHash }, last] = updates;
      assert.deepEqual(last.results, results);
      assert.equal(last.blockHash, blockHash);
      assert.equal(results.length, 1);
      assert.equal(results[0].status, 'agreed');
      const { outputHash } = await node.rpc('inference_getResult', results[0].id);
      assert.equal(results[0].outputHash, outputHash);
    });
  });
});
