// Indexes whose objects are damaged, and jobs whose provider fails: searches go on, what is lost is made again, nothing is embedded twice.
import assert from 'node:assert/strict';
import { readdirSync, rmSync, statSync, truncateSync, writeFileSync, openSync, writeSync, closeSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { startModelServer } from '../lib/model_server.mjs';
import { makeTemporaryFolder, startServer } from '../lib/server.mjs';

const IN_FLIGHT = 2 * 64; // chunks that two threads have with the provider: not kept where it fails

async function ask(server, method, route, body) {
  const reply = await fetch(server.url + route, {
    method,
    headers: body === undefined ? {} : { 'content-type': 'application/json' },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await reply.text();
  return { status: reply.status, body: text ? JSON.parse(text) : null };
}

async function upload(server, name, texts) {
  const csv = ['id,words', ...texts.map((text, i) => `${i + 1},${text}`)].join('\n') + '\n';
  const reply = await fetch(`${server.url}/ingest/file?name=${name}&mode=create&file_name=${name}.csv`, { method: 'POST', body: csv });
  assert.ok(reply.ok, await reply.text());
}

async function job(server, id, states = ['done'], tries = 600) {
  for (let i = 0; i < tries; i++) {
    const { body } = await ask(server, 'GET', `/vectors/jobs/${id}`);
    if (states.includes(body.state)) return body;
    assert.ok(['queued', 'running', 'waiting'].includes(body.state), JSON.stringify(body));
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`the job does not become ${states}`);
}

const makeIndex = (server, name, more) =>
  ask(server, 'POST', '/vectors/index', { name, dataset: name, id_column: 'id', text_column: 'words', ...more });

async function until(what, tries = 400) {
  for (let i = 0; i < tries; i++) {
    if (await what()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.fail(`this did not come true: ${what}`);
}

/** The object of that name in the index's one generation. */
function objectOf(dataDir, index, name) {
  const folder = path.join(dataDir, 'objects/_vectors/data', index);
  for (const generation of readdirSync(folder))
    for (const file of readdirSync(path.join(folder, generation))) if (file === name) return path.join(folder, generation, file);
  throw new Error(`no ${name}`);
}

const damages = {
  'chunks cut short': (file) => truncateSync(file('chunks'), Math.floor(statSync(file('chunks')).size / 2)),
  'chunks gone': (file) => rmSync(file('chunks')),
  'chunks overwritten at their head': (file) => {
    const fd = openSync(file('chunks'), 'r+');
    writeSync(fd, Buffer.alloc(64, 0xa5), 0, 64, 0);
    closeSync(fd);
  },
  'codes gone': (file) => rmSync(file('codes')),
  'codes that are something else': (file) => writeFileSync(file('codes'), 'not codes'),
  'words that are something else': (file) => writeFileSync(file('words.sqlite'), 'not words'),
};

for (const [what, damage] of Object.entries(damages))
  test(`${what}: searches find the same with a warning, and the index is written anew`, async (t) => {
    const dataDir = makeTemporaryFolder();
    let server = await startServer({ dataDir });
    t.after(() => server.stop());
    const texts = Array.from({ length: 300 }, (_, i) => `person ${i} knows ${['welding', 'nursing', 'driving'][i % 3]} in town ${i * 7}`);
    await upload(server, 'people', texts);
    await job(server, (await makeIndex(server, 'people', {})).body.job_id);
    const question = { index: 'people', query: 'welding in town 42', k: 5, mode: what.startsWith('words') ? 'vector' : 'hybrid' };
    const before = await ask(server, 'POST', '/vectors/search', question);
    const { generation } = (await ask(server, 'GET', '/vectors/indexes/people')).body;
    await server.kill9();

    damage((name) => objectOf(dataDir, 'people', name));
    server = await startServer({ dataDir });
    const after = await ask(server, 'POST', '/vectors/search', question);
    assert.equal(after.status, 200, JSON.stringify(after.body));
    assert.deepEqual(after.body.hits.map((hit) => hit.doc_id), before.body.hits.map((hit) => hit.doc_id));
    if (after.body.generation === generation.id) assert.match(after.body.warning, /people/);
    if (what.startsWith('words')) {
      const both = await ask(server, 'POST', '/vectors/search', { ...question, mode: 'hybrid' });
      assert.equal(both.status, 200, JSON.stringify(both.body));
      assert.equal(both.body.hits.length, question.k);
      if (both.body.generation === generation.id) assert.match(both.body.warning, /words/);
      const words = await ask(server, 'POST', '/vectors/search', { ...question, mode: 'text' });
      assert.ok(words.status === 200 ? words.body.generation !== generation.id : words.status === 503, JSON.stringify(words));
    }
    await until(async () => {
      const index = (await ask(server, 'GET', '/vectors/indexes/people')).body;
      return index.generation.id !== generation.id && index.warning === undefined;
    });
    const rebuilt = await ask(server, 'POST', '/vectors/search', question);
    assert.deepEqual(rebuilt.body.hits.map((hit) => hit.doc_id), before.body.hits.map((hit) => hit.doc_id));
    assert.equal(rebuilt.body.warning, undefined);
  });

test('words that an earlier version wrote are searched, and written anew without embedding', async (t) => {
  const dataDir = makeTemporaryFolder();
  let server = await startServer({ dataDir });
  t.after(() => server.stop());
  await upload(server, 'people', ['看護師として東京都立病院に10年勤務', 'registered nurse in Tokyo', '软件工程师，毕业于北京大学', '간호사는 서울대학교병원에서']);
  await job(server, (await makeIndex(server, 'people')).body.job_id);
  const found = async (query) =>
    (await ask(server, 'POST', '/vectors/search', { index: 'people', query, mode: 'text' })).body.hits.map((hit) => hit.doc_id);
  for (const [query, id] of [['看護', '1'], ['nurses', '2'], ['工程师', '3'], ['서울대학교', '4']]) assert.deepEqual(await found(query), [id], query);
  const { generation: before } = (await ask(server, 'GET', '/vectors/indexes/people')).body;

  await server.stop();
  const fd = openSync(objectOf(dataDir, 'people', 'words.sqlite'), 'r+');
  writeSync(fd, Buffer.alloc(4), 0, 4, 60); // SQLite's user_version, which the first version did not set
  closeSync(fd);
  server = await startServer({ dataDir });
  await until(async () => (await ask(server, 'GET', '/vectors/indexes/people')).body.generation.text !== before.text);
  const { generation: after } = (await ask(server, 'GET', '/vectors/indexes/people')).body;
  assert.deepEqual(after.segments, before.segments, 'only the words are new');
  assert.deepEqual(await found('看護'), ['1']);
  assert.deepEqual(await found('nurses'), ['2']);
});

test('chunks of many megabytes come back out of Parquet, in their order', async (t) => {
  const dataDir = makeTemporaryFolder();
  let server = await startServer({ dataDir });
  t.after(() => server.stop());
  await upload(server, 'many', Array.from({ length: 12_000 }, (_, i) => `document ${i} of town ${i % 97}`));
  await job(server, (await makeIndex(server, 'many', { dimensions: 768 })).body.job_id, ['done'], 2000);
  const question = { index: 'many', query: 'document 11500', k: 3, mode: 'text' };
  const before = await ask(server, 'POST', '/vectors/search', question);
  await server.kill9();
  rmSync(objectOf(dataDir, 'many', 'chunks'));
  server = await startServer({ dataDir });
  const after = await ask(server, 'POST', '/vectors/search', question);
  assert.equal(after.status, 200, JSON.stringify(after.body));
  assert.deepEqual(after.body.hits.map((hit) => [hit.doc_id, hit.text]), before.body.hits.map((hit) => [hit.doc_id, hit.text]));
});

test('a provider that fails in the middle leaves the job waiting; it goes on where it stood, also after kill -9', async (t) => {
  const models = await startModelServer();
  const dataDir = makeTemporaryFolder();
  const options = {
    dataDir,
    env: { OLLAMA_HOST: `127.0.0.1:${models.port}`, OPENAI_API_KEY: '' },
    config: '[ai]\nembedder = "ollama"\nembed_model = "embedder"\nbatch = 4\nretries = 0\nanswer_timeout = "1s"\nbreaker_failures = 2\nbreaker_pause = "1s"\n',
  };
  let server = await startServer(options);
  t.after(async () => {
    await server.stop();
    await models.stop();
  });
  const texts = Array.from({ length: 1500 }, (_, i) => `text number ${i}`);
  await upload(server, 'notes', texts);
  models.failEmbedsAfter = 200; // requests, of 4 texts each
  const made = await makeIndex(server, 'notes', {});
  const waiting = await job(server, made.body.job_id, ['waiting']);
  assert.match(JSON.stringify(waiting), /ollama/);
  assert.equal((await ask(server, 'GET', '/health')).status, 200);
  await server.kill9();

  models.failEmbedsAfter = Infinity;
  server = await startServer(options);
  await until(async () => (await ask(server, 'GET', '/vectors/indexes/notes')).body.ready);
  const index = (await ask(server, 'GET', '/vectors/indexes/notes')).body;
  assert.equal(index.generation.live, texts.length, 'no chunk is lost, none is there twice');
  const embedded = models.requests.filter((request) => request.path === '/api/embed' && request.answered).flatMap((request) => request.body.input);
  const twice = embedded.length - new Set(embedded).size;
  assert.ok(twice <= IN_FLIGHT, `${twice} of ${texts.length} texts were embedded twice`);
  const hits = await ask(server, 'POST', '/vectors/search', { index: 'notes', query: 'text number 1399', k: 1, mode: 'text' });
  assert.equal(hits.body.hits[0].doc_id, '1400');
});
