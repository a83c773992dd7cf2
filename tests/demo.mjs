// `make demo`: four validators on this machine finalise a transfer, step by step. The last line is RESULT {…}.
import { account, SIB } from './lib/accounts.mjs';
import { authorOf, balanceAt, finalizedNumber, submitAndFinalize, waitForFinalized } from './lib/chain.mjs';
import { Network, VALIDATORS } from './lib/network.mjs';

const AMOUNT = 5n * SIB;

const say = (line) => console.log(`demo: ${line}`);
const inSib = (amount) => `${Number(amount) / Number(SIB)} SIB`;

const network = new Network();
say(`starting four validators: ${VALIDATORS.join(', ')}`);
await network.start();
const api = await network.api();
say(`they run ${api.runtimeVersion.specName} ${api.runtimeVersion.specVersion}, genesis ${api.genesisHash}`);

const finalized = await waitForFinalized(api, 2);
say(`block #${finalized.number} is final`);

const alice = account('//Alice');
const recipient = account(`//Recipient ${Date.now()}`);
say(`Alice sends ${inSib(AMOUNT)} to ${api.createType('AccountId', recipient.publicKey)}`);
const { blockHash, events } = await submitAndFinalize(
  api,
  api.tx.balances.transferKeepAlive(recipient.address, AMOUNT),
  alice,
);
const header = await api.rpc.chain.getHeader(blockHash);
const [, fee] = events.find((event) => api.events.transactionPayment.TransactionFeePaid.is(event)).data;
say(`in block #${header.number} by ${await authorOf(api, header)}, fee ${inSib(fee.toBigInt())}; the block is final`);

const received = await balanceAt(api, blockHash, recipient.address);
say(`every validator's view of it:`);
const agreed = new Set();
for (const name of VALIDATORS) {
  const hash = await network.node(name).rpc('chain_getBlockHash', header.number.toNumber());
  agreed.add(hash);
  say(`  ${name}: #${header.number} is ${hash}`);
}
const result = {
  transferred: received === AMOUNT,
  validators_agree: agreed.size === 1,
  finalized: await finalizedNumber(api),
};
await network.stop();
console.log(`RESULT ${JSON.stringify(result)}`);
process.exit(result.transferred && result.validators_agree ? 0 : 1);
