// Clients that are not ours, each as its own documentation has it. By smoldot, a light client, `client.test.mjs` asks; by
// subxt, from Rust, `make test-foreign` does.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { ApiPromise, Keyring, WsProvider } from '@polkadot/api';
import { stringToHex } from '@polkadot/util';
import { getPolkadotSigner } from 'polkadot-api/signer';
import { createWsClient } from 'polkadot-api/ws';
import { WebSocket } from 'ws';

import { waitUntilServedBy } from '../lib/inference.mjs';
import { devNode } from '../lib/node.mjs';
import { until } from '../lib/wait.mjs';

const MODEL = 'common-lingua';
const MAX_FEE = 10n ** 12n;
const TEXT = 'Wo ist hier bitte der nächste Bahnhof?';
const LABEL = 'deu';

describe('a client that is not ours asks, and reads what was agreed', () => {
  const node = devNode();
  let url, alice;

  before(async () => {
    await node.start();
    await waitUntilServedBy(await node.client(), ['alice']);
    url = `ws://${node.rpcAddress}`;
    alice = new Keyring({ type: 'sr25519' }).addFromUri('//Alice');
  });
  after(() => node.stop());

  it('by @polkadot/api', async () => {
    const api = await ApiPromise.create({ provider: new WsProvider(url), noInitWarn: true });
    try {
      const id = (await api.call.inferenceApi.modelNamed(MODEL)).unwrap();
      const options = { seats: 'All', maxOutputUnits: 0, drawDelay: 1 };
      const submission = api.tx.inference.submit(id, { Text: stringToHex(TEXT) }, options, MAX_FEE);
      const { events } = await until(
        'the submission to be final',
        (next) => submission.signAndSend(alice, next),
        ({ status }) => status.isFinalized,
      );
      const { job } = events.map(({ event }) => event).find(api.events.inference.JobSubmitted.is).data;
      let result;
      await until(
        `the result of job ${job}`,
        (next) => api.rpc.chain.subscribeFinalizedHeads(next),
        async ({ hash }) => {
          result = (await (await api.at(hash)).call.inferenceApi.result(job)).asFound;
          return result.isAgreed;
        },
      );
      assert.equal(result.asAgreed.output.asAnswer.asClassification.label.toUtf8(), LABEL);
    } finally {
      await api.disconnect();
    }
  });

  it('by polkadot-api, without descriptors made beforehand', async () => {
    const client = createWsClient(url, { websocketClass: WebSocket });
    try {
      const api = client.getUnsafeApi();
      const model = await api.apis.InferenceApi.model_named(new TextEncoder().encode(MODEL));
      const submission = api.tx.Inference.submit({
        model,
        input: { type: 'Text', value: new TextEncoder().encode(TEXT) },
        options: {
          seats: { type: 'All' },
          max_output_units: 0,
          draw_delay: 1,
          sampling: { temperature: 0, top_k: 0, top_p: 0 },
          seed: undefined,
          format: { type: 'Text', value: { stops: [] } },
          reuse: false,
        },
        max_fee: MAX_FEE,
      });
      const { ok, events } = await submission.signAndSubmit(getPolkadotSigner(alice.publicKey, 'Sr25519', alice.sign));
      assert.ok(ok);
      const { job } = events.find(({ value }) => value.type === 'JobSubmitted').value.value;
      let result;
      await until(
        `the result of job ${job}`,
        async (next) => {
          const subscription = client.finalizedBlock$.subscribe(next);
          return () => subscription.unsubscribe();
        },
        async ({ hash }) => {
          result = (await api.apis.InferenceApi.result(job, { at: hash })).value;
          return result.type === 'Agreed';
        },
      );
      assert.equal(utf8(result.value.output.value.value.label), LABEL);
    } finally {
      client.destroy();
    }
  });
});

const utf8 = (bytes) => new TextDecoder().decode(bytes);
