// Chain specifications, folders and ports that a node can't use. It says so before it makes a chain's first block.
import { readFileSync } from 'node:fs';

const TESTNET = readFileSync(new URL('../../../chain-specs/testnet.raw.json', import.meta.url), 'utf8');
const PORTS = ['--listen-addr', '/ip4/127.0.0.1/tcp/0', '--rpc-port', '0', '--prometheus-port', '{free}'];
const SPEC = '{dir}/spec.json';

/** The testnet's specification, changed. */
function changed(change) {
  const spec = JSON.parse(TESTNET);
  change(spec);
  return JSON.stringify(spec);
}

const spec = (what, content, says) => ({
  what: `a chain spec ${what}`,
  run: ['export-chain-spec', '--chain', SPEC, '--raw'],
  files: { 'spec.json': content },
  says,
});
const noSpec = (reason) => new RegExp(`the chain spec '.*/spec\\.json' can't be read, it is broken or not a chain spec: .*${reason.source}`);
const starting = (what, args, says, more) => ({ what, run: ['--chain', 'local', '--base-path', '{home}/base', ...PORTS, ...args], says, ...more });

export const FILES = [
  { what: 'a chain that there is not', run: '--chain mainnet --tmp', says: /there is no chain and no file 'mainnet': the chains known by name are dev, local and testnet; others need the path of their spec file$/ },
  { what: 'a chain spec that is a folder', run: 'export-chain-spec --chain {dir}', says: /'.*' is a folder: give the path of the chain's spec file in it$/ },
  spec('that is empty', '', noSpec(/EOF while parsing/)),
  spec('that is no JSON', 'name: testnet', noSpec(/line 1 column/)),
  spec('of random bytes', Buffer.from([0xff, 0xfe, 0, 1, 2]), noSpec(/expected value at line 1 column 1/)),
  spec('that was cut off', TESTNET.slice(0, TESTNET.length / 2), noSpec(/EOF while parsing/)),
  spec('that is a list', '[]', noSpec(/invalid type: sequence/)),
  spec('without a name', changed((it) => delete it.name), noSpec(/missing field `name`/)),
  spec('without a genesis', changed((it) => delete it.genesis), noSpec(/missing field `genesis`/)),
  spec('whose name is a number', changed((it) => { it.name = 5; }), noSpec(/invalid type: integer `5`, expected a string/)),
  spec('of a type that there is not', changed((it) => { it.chainType = 'Strange'; }), noSpec(/unknown variant `Strange`, expected one of `Development`/)),
  spec('with a bootnode that is no address', changed((it) => { it.bootNodes = ['nowhere']; }), noSpec(/invalid multiaddress/)),
  spec('whose properties are a number', changed((it) => { it.properties = 5; }), noSpec(/invalid type: integer `5`, expected a map/)),
  spec('whose state is no hex', changed((it) => { it.genesis.raw.top = { zz: '0x00' }; }), /the chain spec's genesis can't be built \(.*invalid hex character: z.*\): make the spec again, with 'export-chain-spec'/),
  spec('whose runtime is none', changed((it) => { it.genesis = { runtimeGenesis: { code: '0x00', patch: {} } }; }), /the chain spec's genesis can't be built \(its code is no runtime that can be run\): make the spec again/),
  { what: 'a chain spec in a folder that there is not', run: 'export-chain-spec --chain dev --output {dir}/nowhere/spec.json', says: /can't use the file .*\/nowhere\/spec\.json \(No such file or directory .*\): name another one, or change its permissions$/ },
  { what: 'a receipt that is no JSON', run: 'verify {dir}/receipt.json --chain dev', files: { 'receipt.json': 'no receipt' }, says: /receipt\.json is no receipt \(.+\): name a file that 'sibyl-node receipt' wrote$/ },
  { what: 'a receipt that is not there', run: 'verify {dir}/receipt.json --chain dev', says: /can't read .*receipt\.json \(No such file .*\): name a file that 'sibyl-node receipt' wrote, or - for standard input$/ },

  { what: 'a base path that is a file', run: ['--chain', 'local', '--base-path', '{dir}/file', ...PORTS], files: { file: 'mine' }, says: /can't write to the base path .*\/file \(.*\): choose another with --base-path or change its permissions$/ },
  { what: 'a base path below a file', run: ['--chain', 'local', '--base-path', '{dir}/file/base', ...PORTS], files: { file: 'mine' }, says: /can't write to the base path .*\/file\/base \(Not a directory/ },
  { what: 'a base path that can only be read', run: ['--chain', 'local', '--base-path', '/proc/sys', ...PORTS], says: /can't write to the base path \/proc\/sys \(.*\): choose another with --base-path/ },
  starting('a folder of models that is a file', ['--models-path', '{dir}/file'], /\/file is no folder, so no models can be in it: choose another with --models-path$/, { files: { file: 'mine' } }),
  starting('a keystore that is a file', ['--keystore-path', '{dir}/file'], /the keystore .*\/file can't be used \(File exists .*\): change its permissions, or choose another folder with --keystore-path$/, { files: { file: 'mine' } }),
  starting('a password in a file that is not there', ['--password-filename', '{dir}/nowhere'], /can't use the file .*\/nowhere \(No such file .*\): name another one/),
  starting('a validator that is to answer everybody', ['--validator', '--unsafe-force-node-key-generation', '--rpc-external'], /--rpc-external is not for a validator: let a full node answer others, and reach this one by 'ssh -L 9944:127\.0\.0\.1:9944 HOST'$/),
  starting('more free space than any disk has', ['--db-storage-threshold', '99999999'], /Out of storage space: available \d+MiB, required 99999999MiB: free some space, choose another disk with --base-path, or ask for less with --db-storage-threshold$/),
  starting('two servers at one port', ['--rpc-port', '{rpc}', '--prometheus-port', '{rpc}'], /--prometheus-port and --rpc-port are both \d+: give one of them another port$/),
  starting('an address of another machine', ['--listen-addr', '/ip4/203.0.113.7/tcp/0'], /this machine has no address 203\.0\.113\.7, so nothing can listen on it: give one of its own with --listen-addr$/),
  starting('a port for other nodes that is in use', ['--listen-addr', '/ip4/127.0.0.1/tcp/{p2p}'], /can't listen on 127\.0\.0\.1:\d+ \(Address already in use .*\): stop the program that uses it or choose another port with --port$/),
  starting('a port for JSON-RPC that is in use', ['--rpc-port', '{rpc}'], /can't listen on 127\.0\.0\.1:\d+ \(.*\): .* with --rpc-port$/),
  starting('a port for Prometheus that is in use', ['--prometheus-port', '{prometheus}'], /can't listen on 127\.0\.0\.1:\d+ \(.*\): .* with --prometheus-port$/),
].map(withoutRepeats);

/** An option counts once: the last one that is given. */
function withoutRepeats(one) {
  if (typeof one.run === 'string') return one;
  const last = (word, at) => word.startsWith('--') && one.run.indexOf(word, at + 1) !== -1;
  const run = one.run.flatMap((word, at) => (last(word, at) || (at > 0 && last(one.run[at - 1], at - 1)) ? [] : [word]));
  return { ...one, run };
}
