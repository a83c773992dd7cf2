// `make network`: four validators on this machine, for playing, until Ctrl-C. Their chain is gone afterwards.
import { VALIDATORS, Network } from './lib/network.mjs';
import { MODEL, waitUntilServedBy } from './lib/inference.mjs';
import { isInstalled, MODELS_PATH } from './lib/models.mjs';

const say = (line) => console.log(`network: ${line}`);

const network = new Network();
// Before the listeners that take a signal for a failure and keep the logs.
for (const signal of ['SIGINT', 'SIGTERM']) process.prependListener(signal, () => process.exit(0));

say(`starting four validators: ${VALIDATORS.join(', ')}`);
const args = VALIDATORS.map((name) => [name, ['--models-path', MODELS_PATH]]);
await network.start(Object.fromEntries(args), (name) => say(`  ${name} is up`));
const sibyl = await network.client();
await waitUntilServedBy(sibyl, VALIDATORS);
say(`all four serve the model ${MODEL}, ${(await sibyl.model(MODEL)).id}`);
if (isInstalled('smollm2')) {
  await waitUntilServedBy(sibyl, VALIDATORS, 'smollm2');
  say(`and smollm2, ${(await sibyl.model('smollm2')).id}`);
} else say('for one that answers questions: make models');
for (const node of network.validators) say(`  ${node.name}: http://${node.rpcAddress} and ws://${node.rpcAddress}`);
const [{ rpcAddress }] = network.validators;
say(`polkadot.js Apps: https://polkadot.js.org/apps/?rpc=ws://${rpcAddress}#/extrinsics`);
say('accounts with funds: //Alice, //Bob, //Charlie, //Dave, //Eve, //Ferdie');
say('Ctrl-C ends it');
