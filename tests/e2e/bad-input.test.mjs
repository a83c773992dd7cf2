// What users, operators and programs get wrong. Each case is a line of a table: what is wrong, and what is said of it.
import { after, before, describe } from 'node:test';

import { waitUntilServedBy } from '../lib/inference.mjs';
import { devNode } from '../lib/node.mjs';
import { AT_A_NODE, COMMAND_LINE } from './bad-input/command-line.mjs';
import { refusedCalls } from './bad-input/extrinsics.mjs';
import { FILES } from './bad-input/files.mjs';
import { gatewayRefusals, GATEWAY } from './bad-input/gateway.mjs';
import { MODELS, noise } from './bad-input/models.mjs';
import { QUESTIONS } from './bad-input/questions.mjs';
import { refusedRequests } from './bad-input/rpc.mjs';
import { commands } from './bad-input/run.mjs';
import { SECRETS } from './bad-input/secrets.mjs';

// Requests of one batch that a node takes, if nothing else is said.
const BATCH = 100;

describe('bad input', () => {
  const node = devNode();

  before(async () => {
    await node.start();
    await waitUntilServedBy(await node.client(), ['alice']);
  });
  after(() => node.stop());

  commands('on the command line', COMMAND_LINE);
  commands('in files and folders', FILES, node);
  commands('as a secret or a key', SECRETS, node);
  commands('as a model', MODELS, node);
  noise();
  commands('as a question or a format', QUESTIONS);
  commands('to a node, from the command line', AT_A_NODE, node);
  commands('to a gateway that is started', GATEWAY, node);
  refusedRequests(node, BATCH);
  refusedCalls(node);
  gatewayRefusals(node);
});
