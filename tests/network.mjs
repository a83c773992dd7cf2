// `make network`: four validators on this machine, for playing, until Ctrl-C. Their chain is gone afterwards.
import { VALIDATORS, Network } from './lib/network.mjs';
import { MODEL, waitUntilServedBy } from './lib/inference.mjs';
import { isInstalled, MODELS_PATH } from './lib/models.mjs';
import { measured } from './lib/too-slow.mjs';
import { MINUTES } from './lib/wait.mjs';

const say = (line) => console.log(`network: ${line}`);

const network = new Network();
// Before the listeners that take a signal for a failure and keep the logs.
for (const signal of ['SIGINT', 'SIGTERM']) process.prependListener(signal, () => process.exit(0));

say(`starting four validators: ${VALIDATORS.join(', ')}`);
const args = VALIDATORS.map((name) => [name, ['--models-path', MODELS_PATH]]);
await network.start(Object.fromEntries(args), (name) => say(`  ${name} is up`));
for (const node of network.validators) say(`  ${node.name}: http://${node.rpcAddress} and ws://${node.rpcAddress}`);
const [first] = network.validators;
say(`from the command line: sibyl-node ask --url ws://${first.rpcAddress} …`);
say(`polkadot.js Apps: https://polkadot.js.org/apps/?rpc=ws://${first.rpcAddress}#/extrinsics`);
say('accounts with funds: //Alice, //Bob, //Charlie, //Dave, //Eve, //Ferdie');
say(`another validator joins with: --chain local --bootnodes ${await first.address()}`);
say('Ctrl-C ends it');

const sibyl = await network.client();
await waitUntilServedBy(sibyl, VALIDATORS, MODEL, 30 * MINUTES);
say(`all four serve the model ${MODEL}, ${(await sibyl.model(MODEL)).id}`);
for (const model of ['minilm', 'smollm2']) {
  if (isInstalled(model)) await tell(model);
  else say(`${model} is not installed: make models`);
}

/** Says that all four serve a model, or why one of them does not, as soon as that is known. */
async function tell(name) {
  const own = await Promise.all(network.validators.map(async (node) => (await measured(node, [name], Infinity))[0]));
  const other = own.findIndex(({ state }) => state !== 'served');
  say(other < 0 ? `and ${name}, ${own[0].id}` : `${name} is not served by ${VALIDATORS[other]}: ${own[other].why}`);
}
