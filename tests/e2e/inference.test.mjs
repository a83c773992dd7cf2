import { after, before, describe } from 'node:test';

import { waitUntilServedBy } from '../lib/inference.mjs';
import { MODELS_PATH, OwnModels } from '../lib/models.mjs';
import { Network, VALIDATORS } from '../lib/network.mjs';
import { absence } from './inference/absence.mjs';
import { abstention } from './inference/abstention.mjs';
import { agreement } from './inference/agreement.mjs';
import { badInput } from './inference/bad-input.mjs';
import { LANGUAGE_MODEL, languageModel } from './inference/language-model.mjs';
import { recovery } from './inference/recovery.mjs';

describe('a network of four validators with a model', () => {
  const network = new Network();

  const last = VALIDATORS.at(-1);
  const own = new OwnModels(LANGUAGE_MODEL, last);

  before(async () => {
    const args = VALIDATORS.map((name) => [name, ['--models-path', name === last ? own.folder : MODELS_PATH]]);
    await network.start(Object.fromEntries(args));
    await waitUntilServedBy(await network.client(), VALIDATORS);
  });
  after(() => network.stop());

  // First, since the others' validators come back without the language model.
  languageModel(network, own);
  agreement(network);
  badInput(network);
  recovery(network);
  abstention(network);
  // Last, since it leaves two validators stopped.
  absence(network);
});
