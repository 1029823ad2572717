// OpenAI's own client against this server: embeddings, chat completions whole and streamed, models, errors.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import OpenAI from 'openai';
import { startModelServer } from '../lib/model_server.mjs';
import { startServer } from './server.mjs';

let server;
let models;
let client;
let plain;

before(async () => {
  models = await startModelServer();
  plain = await startServer({ env: { OLLAMA_HOST: '' } });
  server = await startServer({
    config: `[ai]
embedder = "ollama"
embed_model = "embedder"
generator = "ollama"
generate_model = "writer"
ollama_url = "${models.url}"
retries = 0
`,
  });
  client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'unused', maxRetries: 0 });
});
after(() => Promise.all([server.stop(), plain.stop(), models.stop()]));

const close = (a, b) => a.length === b.length && a.every((value, i) => Math.abs(value - b[i]) < 1e-6);

test('embeddings come as floats and as base64, and are the same', async () => {
  const floats = await client.embeddings.create({ model: 'lexical-1', input: ['one text', 'another'], encoding_format: 'float' });
  assert.deepEqual([floats.object, floats.model, floats.data.length, floats.data[1].index], ['list', 'lexical-1', 2, 1]);
  assert.equal(floats.data[0].embedding.length, 384);
  assert.ok(floats.usage.prompt_tokens > 0);
  const decoded = await client.embeddings.create({ model: 'lexical-1', input: 'one text' }); // the client asks for base64
  assert.ok(close(decoded.data[0].embedding, floats.data[0].embedding));
  const raw = await client.embeddings.create({ model: 'lexical-1', input: 'one text', encoding_format: 'base64' });
  assert.equal(typeof raw.data[0].embedding, 'string');
  const wide = await client.embeddings.create({ model: 'lexical-1', input: 'one text', dimensions: 768 });
  assert.equal(wide.data[0].embedding.length, 768);
});

test('the configured model embeds, by any of its names', async () => {
  for (const model of ['embedder', 'ollama/embedder', 'ollama']) {
    const answer = await client.embeddings.create({ model, input: 'some words' });
    assert.deepEqual([answer.model, answer.data[0].embedding.length, answer.usage.prompt_tokens], ['ollama/embedder', 8, 3]);
  }
});

test('2,048 texts in one request', async () => {
  const input = Array.from({ length: 2048 }, (_, i) => `text number ${i}`);
  const answer = await client.embeddings.create({ model: 'lexical-1', input });
  assert.equal(answer.data.length, 2048);
  assert.ok(answer.data.every((item, i) => item.index === i && item.embedding.length === 384));
});

test('a chat is answered whole', async () => {
  const answer = await client.chat.completions.create({
    model: 'ollama/writer', temperature: 0, max_completion_tokens: 50, user: 'someone',
    messages: [{ role: 'developer', content: 'be short' }, { role: 'user', content: [{ type: 'text', text: 'one two' }, { type: 'text', text: ' three' }] }],
  });
  assert.match(answer.id, /^chatcmpl-/);
  assert.deepEqual(answer.choices[0].message.content, 'three two one');
  assert.deepEqual([answer.object, answer.model, answer.choices[0].finish_reason], ['chat.completion', 'ollama/writer', 'stop']);
  assert.deepEqual(answer.usage, { prompt_tokens: 26, completion_tokens: 3, total_tokens: 29 });
  assert.deepEqual(models.requests.at(-1).body.options, { temperature: 0, num_predict: 50 });
  assert.equal(models.requests.at(-1).body.messages[0].role, 'system');
});

test('a chat is streamed', async () => {
  const stream = await client.chat.completions.create({
    model: 'writer', stream: true, stream_options: { include_usage: true }, messages: [{ role: 'user', content: 'Grüße aus Köln 👋' }],
  });
  const pieces = [];
  let usage, finish;
  for await (const chunk of stream) {
    if (chunk.choices[0]?.delta.content) pieces.push(chunk.choices[0].delta.content);
    finish ??= chunk.choices[0]?.finish_reason;
    usage ??= chunk.usage;
  }
  assert.equal(pieces.join(''), '👋 Köln aus Grüße');
  assert.ok(pieces.length > 2);
  assert.deepEqual([finish, usage.total_tokens], ['stop', 30]);
});

test('a stream that breaks off is an error of the client', async () => {
  models.next = { errorAfter: 1 };
  const stream = await client.chat.completions.create({ model: 'writer', stream: true, messages: [{ role: 'user', content: 'a b c' }] });
  await assert.rejects(async () => {
    for await (const chunk of stream) assert.ok(chunk);
  }, /runner has gone/);
});

test('models are listed', async () => {
  const names = [];
  for await (const model of client.models.list()) names.push(`${model.id} of ${model.owned_by}`);
  assert.deepEqual(names, ['lexical-1 of builtin', 'ollama/writer of ollama', 'ollama/embedder of ollama']);
});

test('errors are those that the client knows', async () => {
  await assert.rejects(client.embeddings.create({ model: 'ollama/none', input: 'x' }), (e) => e instanceof OpenAI.NotFoundError && /ollama pull none/.test(e.message) && e.code === 'not_found');
  await assert.rejects(client.embeddings.create({ model: 'lexical-1', input: [1, 2, 3] }), (e) => e instanceof OpenAI.BadRequestError && /tokenizer/.test(e.message));
  for (const extra of [{ n: 2 }, { tools: [{ type: 'function', function: { name: 'f' } }] }, { logprobs: true }, { response_format: { type: 'json_schema', json_schema: { name: 'x' } } }]) {
    await assert.rejects(client.chat.completions.create({ model: 'writer', messages: [{ role: 'user', content: 'x' }], ...extra }), OpenAI.BadRequestError);
  }
  for (const messages of [[], [{ role: 'tool', content: 'x', tool_call_id: '1' }], [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'x' } }] }]]) {
    await assert.rejects(client.chat.completions.create({ model: 'writer', messages }), OpenAI.BadRequestError);
  }
  models.next = { status: 500 };
  await assert.rejects(client.chat.completions.create({ model: 'writer', messages: [{ role: 'user', content: 'x' }] }), (e) => e.status === 502 && /"ollama"/.test(e.message));
  const alone = new OpenAI({ baseURL: `${plain.url}/v1`, apiKey: 'unused', maxRetries: 0 });
  await assert.rejects(alone.chat.completions.create({ model: 'gpt-4o', messages: [{ role: 'user', content: 'x' }] }), (e) => e.status === 503 && /ai\.generator/.test(e.message));
});
