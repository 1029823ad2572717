// OpenAI's own client asks an index: whole and streamed, with a generator of either protocol and without, by role.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import OpenAI from 'openai';
import { startModelServer } from '../lib/model_server.mjs';
import { makePeople, people, send } from '../lib/people.mjs';
import { makeTemporaryFolder, runLakehouse, startServer } from './server.mjs';

let models;
let plain;
let ollama;
let openai;
const question = [{ role: 'user', content: 'Who knows intensive care?' }];
const clientOf = (server, apiKey = 'unused') => new OpenAI({ baseURL: `${server.url}/v1`, apiKey, maxRetries: 0 });

before(async () => {
  models = await startModelServer();
  plain = await startServer({ env: { OLLAMA_HOST: '' } });
  ollama = await startServer({ config: `[ai]\ngenerator = "ollama"\ngenerate_model = "writer"\nollama_url = "${models.url}"\nretries = 0\n` });
  openai = await startServer({ config: `[ai]\ngenerator = "openai"\ngenerate_model = "writer"\nopenai_url = "${models.url}/v1"\nretries = 0\n` });
  await Promise.all([plain, ollama, openai].map((server) => makePeople(server)));
});
after(() => Promise.all([plain.stop(), ollama.stop(), openai.stop(), models.stop()]));

function checkPlaces(sources) {
  assert.ok(sources.citations.length > 0);
  for (const c of sources.citations) {
    const text = Buffer.from(people.find((row) => row[0] === c.doc_id)[3]);
    assert.equal(text.subarray(c.byte_start, c.byte_end).toString(), c.excerpt);
  }
}

test('without a generator an index answers with its passages', async () => {
  const answer = await clientOf(plain).chat.completions.create({ model: 'lakehouse/people', messages: question });
  assert.deepEqual([answer.object, answer.model, answer.choices[0].finish_reason], ['chat.completion', 'lakehouse/people', 'stop']);
  assert.match(answer.choices[0].message.content, /No generator is configured.*intensive care/s);
  assert.equal(answer.lakehouse.generated, false);
  assert.match(answer.lakehouse.note, /ai\.generator/);
  assert.equal(answer.lakehouse.passages[0].doc_id, '1');
  checkPlaces(answer.lakehouse);
});

test('with one it answers with citations, whichever protocol the generator speaks', async () => {
  models.answer = 'A registered nurse: ten years of intensive care [1] [6].';
  for (const server of [ollama, openai]) {
    const answer = await clientOf(server).chat.completions.create({
      model: 'lakehouse/people', temperature: 0, max_completion_tokens: 60, lakehouse: { k: 2, filter: "city = 'Austin'" },
      messages: [{ role: 'system', content: 'Be polite.' }, { role: 'user', content: 'Hello' }, { role: 'assistant', content: 'Hello.' }, ...question],
    });
    assert.equal(answer.choices[0].message.content, 'A registered nurse: ten years of intensive care [1].');
    assert.ok(answer.usage.total_tokens > 0);
    assert.deepEqual([answer.lakehouse.generated, answer.lakehouse.model, answer.lakehouse.dropped_citations], [true, 'writer', 1]);
    assert.deepEqual(answer.lakehouse.passages.map((p) => p.doc_id), ['1', '3']);
    checkPlaces(answer.lakehouse);
    const asked = models.requests.at(-1).body.messages;
    assert.deepEqual(asked.map((m) => m.role), ['system', 'system', 'user', 'assistant', 'user']);
    assert.deepEqual(asked.slice(1, 4).map((m) => m.content), ['Be polite.', 'Hello', 'Hello.']);
    assert.match(asked.at(-1).content, /<passage number="1".*Question: Who knows intensive care\?$/s);
  }
});

test('it streams: passages with the first chunk, citations with the last', async () => {
  models.answer = 'Intensive care: the nurse [1, 9] from Austin.';
  for (const server of [ollama, openai]) {
    const stream = await clientOf(server).chat.completions.create({
      model: server === ollama ? 'ollama/writer' : 'openai/writer', stream: true, stream_options: { include_usage: true }, lakehouse: { index: 'people' }, messages: question,
    });
    let text = '';
    const sources = {};
    let usage;
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? '';
      Object.assign(sources, chunk.lakehouse);
      if (chunk.lakehouse?.passages) assert.equal(text, '');
      usage ??= chunk.usage;
    }
    assert.equal(text, 'Intensive care: the nurse [1] from Austin.');
    assert.equal(sources.passages[0].doc_id, '1');
    assert.equal(sources.dropped_citations, 1);
    checkPlaces(sources);
    assert.ok(usage.total_tokens > 0);
  }
  const alone = await clientOf(plain).chat.completions.create({ model: 'lakehouse/people', stream: true, messages: question });
  let text = '';
  for await (const chunk of alone) text += chunk.choices[0]?.delta.content ?? '';
  assert.match(text, /No generator is configured.*intensive care/s);
});

test('a generator that fails is 502, with the passages', async () => {
  models.next = { status: 500 };
  await assert.rejects(clientOf(ollama).chat.completions.create({ model: 'lakehouse/people', messages: question }), (e) => e.status === 502 && /"ollama"/.test(e.message));
  models.next = { status: 500 };
  const raw = await send(ollama, 'POST', '/v1/chat/completions', { model: 'lakehouse/people', messages: question });
  assert.equal(raw.body.passages[0].doc_id, '1');
  models.answer = 'one two three';
  models.next = { cutAfter: 1 };
  const stream = await clientOf(ollama).chat.completions.create({ model: 'lakehouse/people', stream: true, messages: question });
  await assert.rejects(async () => {
    for await (const chunk of stream) assert.ok(chunk);
  }, /"ollama"/);
});

test('indexes are models', async () => {
  const client = clientOf(ollama);
  const ids = [];
  for await (const model of client.models.list()) ids.push(model.id);
  assert.deepEqual(ids, ['lexical-1', 'ollama/writer', 'ollama/embedder', 'lakehouse/people']);
  const one = await client.models.retrieve('lakehouse/people');
  assert.deepEqual([one.id, one.object, one.owned_by], ['lakehouse/people', 'model', 'lakehouse']);
  assert.ok(Math.abs(one.created - Date.now() / 1000) < 3600);
  assert.equal((await client.models.retrieve('ollama/writer')).owned_by, 'ollama');
  assert.equal((await client.models.retrieve('lexical-1')).owned_by, 'builtin');
  await assert.rejects(client.models.retrieve('lakehouse/none'), OpenAI.NotFoundError);
  models.next = { status: 500 };
  await assert.rejects(client.models.retrieve('ollama/none'), (e) => e.status === 502);
});

test('only those who may search may ask an index, or see that it is there', async (t) => {
  const dataDir = makeTemporaryFolder();
  const made = await runLakehouse(['key', 'create', '--role', 'admin', '--name', 'first', '--data', dataDir, '--json']);
  const admin = JSON.parse(made.stdout).key;
  const locked = await startServer({ t, dataDir, env: { OLLAMA_HOST: '', LAKEHOUSE__AUTH__ENABLED: 'on' } });
  const headers = { 'x-api-key': admin };
  await makePeople(locked, { headers });
  const { key } = (await send(locked, 'POST', '/access/keys', { role: 'recruiter', name: 'r' }, headers)).body;
  const names = async (client) => (await client.models.list()).data.map((model) => model.id);
  assert.deepEqual(await names(clientOf(locked, admin)), ['lexical-1', 'lakehouse/people']);
  assert.deepEqual(await names(clientOf(locked, key)), ['lexical-1']);
  await assert.rejects(clientOf(locked, key).models.retrieve('lakehouse/people'), OpenAI.NotFoundError);
  for (const request of [{ model: 'lakehouse/people' }, { model: 'x', lakehouse: { index: 'people' } }, { model: 'lakehouse/none' }]) {
    await assert.rejects(clientOf(locked, key).chat.completions.create({ messages: question, ...request }), OpenAI.PermissionDeniedError);
  }
  const answer = await clientOf(locked, admin).chat.completions.create({ model: 'lakehouse/people', messages: question });
  assert.equal(answer.lakehouse.passages[0].doc_id, '1');
});

test('what cannot be asked is refused', async () => {
  const before = models.requests.length;
  for (const [request, status, says] of [
    [{ model: 'lakehouse/none' }, 404, /none/], [{ model: 'lakehouse/' }, 400, /index/], [{ model: 'lakehouse/people', lakehouse: { index: 'other' } }, 400, /other/],
    [{ model: 'lakehouse/people', lakehouse: { size: 3 } }, 400, /size/], [{ lakehouse: {} }, 400, /index/], [{ lakehouse: 7 }, 400, /lakehouse/],
    [{ model: 'lakehouse/people', lakehouse: { k: 1000 } }, 400, /k must/], [{ model: 'lakehouse/people', response_format: { type: 'json_object' } }, 400, /citations/],
    [{ model: 'lakehouse/people', messages: [...question, { role: 'assistant', content: 'I' }] }, 400, /last message/], [{ model: 'lakehouse/people', messages: [] }, 400, /last message/],
    [{ model: 'lakehouse/people', messages: [{ role: 'user', content: ' ' }] }, 400, /no words/], [{ model: 'lakehouse/people', tools: [{}] }, 400, /tools/],
  ]) {
    const reply = await send(ollama, 'POST', '/v1/chat/completions', { messages: question, ...request });
    assert.equal(reply.status, status, `${JSON.stringify(request)}: ${JSON.stringify(reply.body)}`);
    assert.match(reply.body.error.message, says);
  }
  assert.equal(models.requests.length, before);
});
