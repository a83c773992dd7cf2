// `make network`: four validators on this machine, for playing, until Ctrl-C. Their chain is gone afterwards.
import { VALIDATORS, Network } from './lib/network.mjs';
import { MODEL, modelId, waitUntilServedBy } from './lib/inference.mjs';

const say = (line) => console.log(`network: ${line}`);

const network = new Network();
// Before the listeners that take a signal for a failure and keep the logs.
for (const signal of ['SIGINT', 'SIGTERM']) process.prependListener(signal, () => process.exit(0));

say(`starting four validators: ${VALIDATORS.join(', ')}`);
await network.start({}, (name) => say(`  ${name} is up`));
const api = await network.api();
await waitUntilServedBy(api, VALIDATORS);
say(`all four serve the model ${MODEL}, ${await modelId(api)}`);
for (const node of network.validators) say(`  ${node.name}: http://${node.rpcAddress} and ws://${node.rpcAddress}`);
const [{ rpcAddress }] = network.validators;
say(`polkadot.js Apps: https://polkadot.js.org/apps/?rpc=ws://${rpcAddress}#/extrinsics`);
say('accounts with funds: //Alice, //Bob, //Charlie, //Dave, //Eve, //Ferdie');
say('Ctrl-C ends it');
