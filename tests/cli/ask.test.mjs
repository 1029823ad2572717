// lakehouse ask: passages without a generator, streamed answers with citations, failures, on servers and folders.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { startModelServer } from '../lib/model_server.mjs';
import { makePeople, send } from '../lib/people.mjs';
import { binary, makeTemporaryFolder, runLakehouse, startServer } from '../lib/server.mjs';

let models;
let plain;
let server;
const settings = () => `[ai]\ngenerator = "ollama"\ngenerate_model = "writer"\nollama_url = "${models.url}"\nretries = 0\n`;
const ask = (where, ...args) => runLakehouse(['ask', ...args, '--server', where.url]);

before(async () => {
  models = await startModelServer();
  plain = await startServer({ env: { OLLAMA_HOST: '' } });
  server = await startServer({ config: settings() });
  await Promise.all([makePeople(plain), makePeople(server)]);
});
after(() => Promise.all([plain.stop(), server.stop(), models.stop()]));

test('without a generator it prints the passages and says how to get one', async () => {
  const { code, stdout, stderr } = await ask(plain, 'Who knows intensive care?', '-k', '2', '--rerank');
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^\[1\] people\/1, bytes 0 to \d+\n {4}Registered nurse\. Ten years of intensive care.*\n\[2\] people\//);
  assert.match(stderr, /No generator is configured.*ai\.generator.*ollama pull/);
  const json = await ask(plain, 'Who knows intensive care?', '--json', '--filter', "city = 'Dallas'");
  const answer = JSON.parse(json.stdout);
  assert.deepEqual([answer.generated, answer.generator, answer.passages.map((p) => p.doc_id).sort()], [false, null, ['2', '5']]);
  const nothing = await ask(plain, 'nurse', '--filter', 'years > 100');
  assert.deepEqual([nothing.code, nothing.stdout], [0, '']);
  assert.match(nothing.stderr, /Nothing in the index bears on this question/);
});

test('an answer is printed with the passages that it cites', async () => {
  models.answer = 'A registered nurse knows intensive care [1]. He can fly [1] [9].';
  const { code, stdout, stderr } = await ask(server, 'Who knows intensive care?');
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^A registered nurse knows intensive care \[1\]\. He can fly \[1\]\.\n\n\[1\] people\/1, bytes 0 to \d+\n {4}Registered nurse\..*\n\[1\] people\/1, .* \(does not say so in these words\)\n/);
  assert.match(stderr, /1 citation of passages that do not exist was removed/);
  const json = JSON.parse((await ask(server, 'Who knows intensive care?', '--json', '--max-tokens', '20')).stdout);
  assert.deepEqual([json.generated, json.generator, json.dropped_citations], [true, 'ollama/writer', 1]);
  assert.equal(models.requests.at(-1).body.options.num_predict, 20);
});

test('it is printed as it is written', async () => {
  models.answer = 'first second third';
  models.next = { pieceMs: 700 };
  const child = spawn(binary, ['ask', 'Who?', '--server', server.url], { stdio: ['ignore', 'pipe', 'ignore'] });
  const [piece] = await once(child.stdout.setEncoding('utf8'), 'data');
  assert.match(piece, /^first/);
  assert.ok(!piece.includes('third'), piece);
  const [code] = await once(child, 'close');
  assert.equal(code, 0);
});

test('what is written cannot steer the terminal', async () => {
  models.answer = 'red \u001b[31malert\u0007 \u009b2J done\r\nnext';
  const { stdout } = await ask(server, 'Who?');
  assert.match(stdout, /^red {2}\[31malert {3}2J done \nnext\n/);
});

test('where the generator fails the passages are printed, and it is a failure', async () => {
  for (const how of [{ status: 500 }, { cutAfter: 1 }]) {
    models.answer = 'one two three';
    models.next = how;
    const { code, stdout, stderr } = await ask(server, 'Who knows intensive care?');
    assert.equal(code, 1);
    assert.match(stdout, /The passages that were found:\n\n\[1\] people\/1/);
    assert.match(stderr, /"ollama"/);
  }
});

test('a search prints hits without control characters, in the reranker\'s order where it is asked', async () => {
  const found = await runLakehouse(['search', 'newly graduated nurse', '--rerank', '-k', '1', '--server', server.url]);
  assert.match(found.stdout, /^ 1 {2}\s*0\.\d+ {2}4\n {4}Pediatric nurse, newly graduated/, found.stderr);
  const odd = await startServer({ env: { OLLAMA_HOST: '' } });
  try {
    await makePeople(odd, { rows: [['a', 'Bern', 1, `Baker \u001b[2J of \u009bbread ${'ü'.repeat(200)}`]] });
    const hits = await runLakehouse(['search', 'baker', '--server', odd.url]);
    assert.match(hits.stdout, / a\n {4}Baker {2}\[2J of {2}bread ü+\.\.\.\n$/);
    const printed = (await ask(odd, 'Which baker?')).stdout;
    assert.match(printed, /Baker {2}\[2J of {2}bread ü{200}\n$/);
  } finally {
    await odd.stop();
  }
});

test('wrong use is told', async () => {
  assert.equal((await ask(server)).code, 2);
  assert.match((await ask(server, ' ')).stderr, /no words/);
  assert.match((await ask(server, 'x', '--index', 'none')).stderr, /none/);
  assert.match((await ask(server, 'x', '-k', '101')).stderr, /101|100/);
  const second = await send(server, 'POST', '/vectors/index', { name: 'second', dataset: 'people', id_column: 'person_id', text_column: 'resume' });
  assert.equal(second.status, 202);
  assert.match((await ask(server, 'x', '--profile', 'nobody')).stderr, /nobody/);
  const several = await ask(server, 'x');
  assert.deepEqual([several.code, /--index/.test(several.stderr)], [2, true]);
});

test('on a folder, with its own configuration', async () => {
  const folder = makeTemporaryFolder();
  const owner = await startServer({ dataDir: folder, env: { OLLAMA_HOST: '' } });
  await makePeople(owner);
  await owner.stop();
  const alone = await runLakehouse(['ask', 'Who knows intensive care?', '--data', folder], { cwd: folder, env: { OLLAMA_HOST: '' } });
  assert.equal(alone.code, 0, alone.stderr);
  assert.match(alone.stdout, /^\[1\] people\/1/);
  models.answer = 'A nurse [1].';
  const file = path.join(makeTemporaryFolder(), 'with.toml');
  writeFileSync(file, settings());
  const written = await runLakehouse(['ask', 'Who knows intensive care?', '--data', folder, '--config', file], { cwd: folder });
  assert.match(written.stdout, /^A nurse \[1\]\.\n\n\[1\] people\/1/, written.stderr);
});
