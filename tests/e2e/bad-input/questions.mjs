// Prompts, conversations and formats are read before a node is asked: there is none here.
const ASK = ['ask', '--suri', '//Alice', '--url', 'ws://127.0.0.1:1'];
const CONVERSATION = /holds no conversation \(.+\): it is to be \[\{"role": "user", "text": "…"\}, …\], with the roles system, user and assistant$/;
const EMPTY = /the text or one of the messages is empty: write something into each$/;
const NO_UTF8 = Buffer.from([0xc3, 0x28]);

const messages = (what, content, says) => ({
  what, run: [...ASK, '--messages', '{dir}/it.json'], files: { 'it.json': content }, says,
});
const regex = (what, pattern, says) => ({ what: `a pattern ${what}`, run: [...ASK, 'hi', '--regex', pattern], says: saysOfFormat(says) });
const choices = (what, texts, says) => ({ what: `choices ${what}`, run: [...ASK, 'hi', '--choices', texts], says: saysOfFormat(says) });
const schema = (what, content, says) => ({
  what: `a schema ${what}`,
  run: [...ASK, 'hi', '--json-schema', '{dir}/schema.json'],
  files: { 'schema.json': typeof content === 'string' ? content : JSON.stringify(content) },
  says: saysOfFormat(says),
});
const number = (what, range, says, code) => ({ what: `numbers ${what}`, run: [...ASK, 'hi', '--number', range], says, code });
const saysOfFormat = (says) => new RegExp(`^Error: no answer can have this format: (the (pattern|schema) at [^:]+: )?${says.source}`);

const array = (items) => ({ type: 'array', items });

export const QUESTIONS = [
  messages('a file of messages that is empty', '', CONVERSATION),
  messages('messages that are half there', '[{"role":', CONVERSATION),
  messages('one message in place of a list', '{"role":"user","text":"hi"}', CONVERSATION),
  messages('a role that there is not', '[{"role":"god","text":"hi"}]', /unknown variant `god`, expected one of `system`, `user`, `assistant`/),
  messages('a message without a text', '[{"role":"user"}]', /missing field `text`/),
  messages('a message with more than a role and a text', '[{"role":"user","text":"hi","name":"x"}]', /unknown field `name`, expected `role` or `text`/),
  messages('a text that is a number', '[{"role":"user","text":5}]', /invalid type: integer `5`, expected a string/),
  messages('no message', '[]', EMPTY),
  messages('a message of no text', '[{"role":"user","text":""}]', EMPTY),
  messages('messages that are no UTF-8', NO_UTF8, /can't read .*it\.json \(stream did not contain valid UTF-8\): name a file that can be read$/),
  { what: 'a file of messages that is a folder', run: [...ASK, '--messages', '{dir}'], says: /can't read .* \(Is a directory .*\): name a file that can be read$/ },
  { what: 'a file of messages that is not there', run: [...ASK, '--messages', '{dir}/x'], says: /can't read .*\/x \(No such file .*\): name a file/ },
  { what: 'a prompt that is no UTF-8', run: [...ASK, '--prompt-file', '{dir}/x'], files: { x: NO_UTF8 }, says: /can't read .*\/x \(stream did not contain valid UTF-8\)/ },
  { what: 'a file of a prompt that is empty', run: [...ASK, '--prompt-file', '{dir}/x'], files: { x: '' }, says: EMPTY },
  { what: 'a prompt that is empty', run: [...ASK, ''], says: EMPTY },
  { what: 'a system that says nothing', run: [...ASK, 'hi', '--system', ''], says: EMPTY },
  { what: 'a prompt from a standard input that is empty', run: [...ASK, '--prompt-file', '-'], says: EMPTY },

  choices('of one text', 'yes', /there are 1 choices; there must be 2 to 32$/),
  choices('that repeat', 'yes,no,yes', /choices 1 and 3 are the same text; leave one out$/),
  choices('of which one is empty', 'yes,,no', /choice 2 has 0 bytes; it must have 1 to 64$/),
  choices('of which there are too many', Array.from({ length: 33 }, (_, at) => `${at}`).join(), /there are 33 choices; there must be 2 to 32$/),
  choices('of which one is too long', `${'x'.repeat(65)},b`, /choice 1 has 65 bytes; it must have 1 to 64$/),

  number('in the wrong order', '5..1', /no answer can have this format: the least number, 5, is greater than the greatest, 1$/),
  number('of which there is but one', '5', /'5' for '--number <MIN\.\.MAX>': expected two numbers, as in 0\.\.100 or -1\.50\.\.1\.50/, 2),
  number('in words', 'one..two', /'one\.\.two' for '--number <MIN\.\.MAX>': expected two numbers/, 2),
  number('with an exponent', '0..1e9', /'0\.\.1e9' for '--number <MIN\.\.MAX>': expected two numbers/, 2),
  number('beyond 64 bits', `0..${'9'.repeat(20)}`, /a number has at most 18 digits, decimals counted/, 2),
  number('with ten decimals', '0..1.0000000001', /no answer can have this format: 10 decimals; there may be at most 9$/),

  regex('with a bracket that is not closed', '(a', /the pattern at byte 0: this \( has no \)$/),
  regex('with a class that is not closed', '[a', /the pattern at byte 0: this \[ has no \]$/),
  regex('that repeats from more to less', 'a{9,3}', /the pattern at byte 1: this is no number of repetitions, which are \{3\}, \{3,\} or \{3,5\}/),
  regex('that repeats nothing', '*a', /the pattern at byte 0: there is nothing before \* to repeat; write \\\* for the character$/),
  regex('that repeats what is repeated', 'a**', /the pattern at byte 2: what is repeated is repeated again; set a group around it$/),
  regex('with a class of Unicode', '\\d+', /the class \\d is not supported; write the characters, for example \[0-9\]/),
  regex('that looks ahead', '(?=x)', /the pattern at byte 0: look-ahead is not supported$/),
  regex('that refers back', '\\1', /the back-reference \\1 is not supported$/),
  regex('with flags', '(?i)a', /flags are not supported$/),
  regex('with a range from z to a', '[z-a]', /the range z-a is empty$/),
  regex('with an anchor in its middle', 'a$b', /the anchor \$ can only stand at the pattern's border; write \\\$ for the character$/),
  regex('that ends in a backslash', 'a\\', /there is nothing behind the \\$/),
  regex('of too many characters', 'a'.repeat(257), /the pattern has 257 bytes; it may have at most 256$/),
  regex('that repeats too much', '(a{1000}){1000}', /the format is too large: it needs more than 32768 positions; make its bounds or its lists smaller$/),

  schema('that is no JSON', '{"type":', /the schema is no JSON: there is no value at byte 8$/),
  schema('that is empty', '', /the schema is no JSON: there is no value at byte 0$/),
  schema('that is a list', [], /the schema at its root: this is no object, and a schema is one$/),
  schema('of a type that there is not', { type: 'thing' }, /the type "thing" is not known$/),
  schema('of two types', { type: ['string', 'null'] }, /type is no text; a list of types is not supported, write anyOf$/),
  schema('that refers to itself', { $ref: '#' }, /there is no type, enum, const or anyOf beside "\$ref"$/),
  schema('with a keyword that is not served', { type: 'string', pattern: 'a' }, /the keyword "pattern" is not supported beside "string"$/),
  schema('of a number that there is not', { type: 'integer', minimum: 5, maximum: 1 }, /no number is within these bounds$/),
  schema('of no values', { enum: [] }, /enum is empty$/),
  schema('that is too deep', array(array(array(array(array({ type: 'null' }))))), /the schema at \/items\/items\/items\/items: objects and arrays stand more than 4 deep in each other$/),
  schema('of too many bytes', { type: 'string', description: 'x'.repeat(2100) }, /the schema has \d{4} bytes; it may have at most 2048$/),
  schema('of a text that is too long', { type: 'string', maxLength: 100_000 }, /the format is too large: it needs more than 32768 positions/),
  schema('that needs what it has not', { type: 'object', properties: { a: { type: 'null' } }, required: ['b'] }, /required names something that is no property$/),
  schema('of a length below nothing', { type: 'string', maxLength: -1 }, /maxLength is no length$/),
  schema('of thirds', { type: 'number', multipleOf: 0.3 }, /multipleOf may only be 1, 0\.1, 0\.01 and so on, with at most 9 decimals$/),
  { what: 'a schema that is not there', run: [...ASK, 'hi', '--json-schema', '{dir}/x'], says: /can't read .*\/x \(No such file .*\): name a file that can be read$/ },
];
