// Secrets and keys. What is said of a secret holds nothing of it: it may be a good one that was cut off.
const NODE_KEY = /the node key in .*\/key can't be read \(.+\): the file has 64 hexadecimal digits or 32 bytes, as 'key generate-node-key' writes them$/;
const SECRET = 'it is a phrase of words, 0x and 64 digits, or a path such as //Alice';
const noSecret = (reason) => new RegExp(`^Error: the account's secret can't be read \\(${reason}\\): ${SECRET}$`);
const noKey = (reason) => new RegExp(`^Error: the secret can't be read \\(${reason}\\): ${SECRET}$`);
const PHRASE = 'bottom drive obey lake curtain smoke basket hold race lonely fit';

const signing = (what, args, says, more) => ({ what, run: ['ask', 'hi', '--model', 'common-lingua', '--yes', '--url', '{url}', ...args], says, ...more });
const insert = (what, args, says, more) => ({ what, run: ['key', 'insert', '--base-path', '{home}', ...args, ...args.includes('--chain') ? [] : ['--chain', 'dev']], says, ...more });
const ofNode = (what, content, says = NODE_KEY) => ({
  what: `a node key ${what}`,
  run: ['--chain', 'local', '--base-path', '{home}/base', '--node-key-file', '{dir}/key', '--port', '0', '--rpc-port', '0', '--prometheus-port', '{free}'],
  files: { key: content },
  says,
});

export const SECRETS = [
  signing('a secret that is empty', ['--suri', ''], noSecret('it is empty')),
  signing('a phrase of too few words', ['--suri', 'bottom drive obey'], noSecret('its words are no phrase: one may be missing or misspelt')),
  signing('a phrase whose last word is wrong', ['--suri', `${PHRASE} fit`], noSecret('its words are no phrase: one may be missing or misspelt')),
  signing('a phrase with a word that there is not', ['--suri', `${PHRASE} xyzzy`], noSecret('its words are no phrase: one may be missing or misspelt')),
  signing('a seed that is too short', ['--suri', '0x12'], noSecret('its seed is not 0x and 64 digits')),
  signing('a seed of other signs', ['--suri', `0x${'z'.repeat(64)}`], noSecret('its seed is not 0x and 64 digits')),
  signing('a derivation of nothing', ['--suri', '//'], noSecret('a part of it is empty, or has characters that no secret has')),
  signing('a secret that is good, where others can see it', ['--suri', `${PHRASE} walk`], /--suri takes an account of test networks alone, as \/\/Alice, since others on this machine can see it: write the secret into a file and give --suri-file FILE/),
  signing('a file of a secret that is empty', ['--suri-file', '{dir}/secret'], noSecret('it is empty'), { files: { secret: '\n' } }),
  signing('a file of a secret that holds something else', ['--suri-file', '{dir}/secret'], noSecret('a part of it is empty, or has characters that no secret has'), { files: { secret: 'name: me\nphrase: words\n' } }),
  signing('a file of a secret that is no text', ['--suri-file', '{dir}/secret'], /secret can't be read \(stream did not contain valid UTF-8\): name a file that can be read with --suri-file$/, { files: { secret: Buffer.from([0xff, 0xfe]) } }),
  signing('a file of a secret that is a folder', ['--suri-file', '{dir}'], /can't be read \(Is a directory .*\): name a file that can be read with --suri-file$/),
  signing('a file of a secret that is not there', ['--suri-file', '{dir}/nowhere'], /nowhere can't be read \(No such file .*\): name a file that can be read with --suri-file$/),
  signing('a file of a secret that others can read, and that pays nothing', ['--suri-file', '{dir}/secret'], /does not take the submission/, {
    files: { secret: '//Nobody' }, modes: { secret: 0o644 }, beside: /^WARNING: others on this machine can read the secret: chmod 600 |signs and pays on| asks 0\./,
  }),

  insert('a session key of bad words', ['--key-type', 'babe', '--suri', 'bad words'], noKey('its words are no phrase: one may be missing or misspelt')),
  insert('a session key of nothing', ['--key-type', 'babe', '--suri', ''], noKey('it is empty')),
  insert('a session key of a type that there is not', ['--key-type', 'xxxx', '--suri', '//Alice'], /'xxxx' for '--key-type <KEY_TYPE>' \[possible values: babe, gran, audi, infr\]/, { code: 2 }),
  insert('a session key of another scheme', ['--key-type', 'gran', '--scheme', 'sr25519', '--suri', '//Alice'], /a gran key is of scheme ed25519, and --scheme says sr25519: leave it out, or give --scheme ed25519$/),
  insert('a session key whose path its scheme has not', ['--key-type', 'gran', '--suri', '//Alice/soft'], noKey('keys of this kind have no path as it has')),
  insert('a session key in a file that is no text', ['--key-type', 'gran', '--suri', '{dir}/secret'], /can't use the file .*\/secret \(stream did not contain valid UTF-8\)/, { files: { secret: Buffer.from([0xff, 0xfe]) } }),
  insert('a session key for a chain that there is not', ['--key-type', 'gran', '--suri', '//Alice', '--chain', 'nowhere'], /there is no chain and no file 'nowhere'/),
  insert('a keystore in a file', ['--key-type', 'gran', '--suri', '//Alice', '--keystore-path', '{dir}/file'], /the keystore .*\/file can't be used \(File exists .*\): change its permissions, or choose another folder with --keystore-path$/, { files: { file: 'mine' } }),
  insert('a password of a keystore that is not there', ['--key-type', 'gran', '--suri', '//Alice', '--password-filename', '{dir}/nowhere'], /can't use the file .*\/nowhere \(No such file/),
  { what: 'a secret to inspect that is none', run: ['key', 'inspect', 'bad words'], says: noKey('its words are no phrase: one may be missing or misspelt') },
  { what: 'a public key to inspect that is too short', run: 'key inspect --public 0x12', says: /Failed to construct public key from given hex$/ },
  { what: 'a phrase of thirteen words', run: 'key generate --words 13', says: /Invalid number of words given for phrase: must be 12\/15\/18\/21\/24$/ },

  ofNode('that is too short', '1234'),
  ofNode('that is empty', ''),
  ofNode('of 33 bytes', Buffer.alloc(33, 7)),
  ofNode('of other signs', 'z'.repeat(64)),
  ofNode('that is a phrase', `${PHRASE} walk`),
  ofNode('that is a folder', null),
  {
    what: 'a node key of the base path that is too short',
    run: '--chain local --base-path {dir} --port 0 --rpc-port 0 --prometheus-port {free}',
    files: { 'chains/sibyl_local/network/secret_ed25519': '1234' },
    says: /the node key in .*\/secret_ed25519 can't be read \(.+\): the file has 64 hexadecimal digits or 32 bytes/,
  },
  { what: 'a node key on the command line that is too short', run: '--dev --node-key 12', says: /--node-key can't be read \(Invalid input length\): it is 64 hexadecimal digits$/ },
  { what: 'a node key on the command line of other signs', run: `--dev --node-key ${'z'.repeat(64)}`, says: /--node-key can't be read \(Invalid character 'z' at position 0\): it is 64 hexadecimal digits$/ },
  { what: 'a validator without a node key', run: '--validator --chain local --base-path {home}/base', says: /no node key at .*secret_ed25519: a validator needs a lasting network identity; make one with '.* key generate-node-key --base-path .* --chain local' and start again$/ },
  { what: 'a node key to inspect that is too short', run: 'key inspect-node-key --file {dir}/key', files: { key: '1234' }, says: NODE_KEY },
  { what: 'a node key to inspect that is no hex', run: 'key inspect-node-key --file {dir}/key', files: { key: PHRASE }, says: NODE_KEY },
  { what: 'a node key to inspect that is not there', run: 'key inspect-node-key --file {dir}/nowhere', says: /can't use the file .*\/nowhere \(No such file/ },
  { what: 'a node key in the place of one that is there', run: 'key generate-node-key --base-path {dir} --chain local', files: { 'chains/sibyl_local/network/secret_ed25519': '1'.repeat(64) }, beside: /^Skip generation, a key already exists in /, says: /A network key already exists in path .*secret_ed25519$/ },
  { what: 'a node key in a base path that can only be read', run: 'key generate-node-key --base-path /proc/sys --chain local', says: /can't use the file \/proc\/sys \(.+\): name another one, or change its permissions$/ },
  { what: 'a node key in a folder that there is not', run: 'key generate-node-key --file {dir}/nowhere/key', says: /can't use the file .*\/nowhere\/key \(No such file or directory/ },
];
