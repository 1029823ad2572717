// Embeddings, generated text and models: the built-in embedder, and services that answer well, badly or not at all.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startModelServer } from '../lib/model_server.mjs';
import { startServer } from './server.mjs';

const SECRET = 'sk-secret-0123456789';
let plain; // as it comes: no service configured
let served; // Ollama embeds, the OpenAI-compatible one writes
let models;

before(async () => {
  models = await startModelServer();
  plain = await startServer({ env: { OLLAMA_HOST: '', OPENAI_API_KEY: '' } });
  served = await startServer({
    env: { OLLAMA_HOST: ` "127.0.0.1:${models.port}" `, OPENAI_API_KEY: SECRET },
    config: `[ai]
embedder = "ollama"
embed_model = "embedder"
query_prefix = "find: "
generator = "openai"
generate_model = "writer"
openai_url = "${models.url}/v1"
batch = 2
retries = 1
answer_timeout = "1s"
max_answer_bytes = "1MB"
breaker_failures = 3
breaker_pause = "1s"
`,
  });
});
after(async () => {
  assert.ok(!served.logs.includes(SECRET) && !plain.logs.includes(SECRET), 'a key is in the log');
  await Promise.all([plain.stop(), served.stop(), models.stop()]);
});

async function ask(server, method, route, body, headers = {}) {
  const reply = await fetch(server.url + route, {
    method,
    body: body === undefined ? undefined : JSON.stringify(body),
    headers: body === undefined ? headers : { 'content-type': 'application/json', ...headers },
  });
  const text = await reply.text();
  assert.ok(!text.includes(SECRET), 'a key is in an answer');
  return { status: reply.status, type: reply.headers.get('content-type'), text, body: text.startsWith('{') ? JSON.parse(text) : undefined };
}
const dot = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);
/** Waits out an open circuit. */
async function mend() {
  models.next = null;
  await ask(served, 'GET', '/ai/health');
}

test('the built-in embedder needs nothing', async () => {
  const { status, body } = await ask(plain, 'POST', '/ai/embed', { texts: ['java developer', 'Java Developers', 'night nurse'] });
  assert.equal(status, 200);
  assert.deepEqual([body.provider, body.model, body.dimensions, body.vectors.length], ['builtin', 'lexical-1', 384, 3]);
  const [a, b, c] = body.vectors;
  assert.ok(Math.abs(dot(a, a) - 1) < 1e-6);
  assert.ok(dot(a, b) > 0.4 && dot(a, c) < 0.2);
  const wide = await ask(plain, 'POST', '/ai/embed', { texts: ['x'], dimensions: 768, model: 'builtin' });
  assert.equal(wide.body.vectors[0].length, 768);
});

test('requests are checked', async () => {
  for (const [body, says] of [
    [{}, /texts/],
    [{ texts: [] }, /1 to 2048/],
    [{ texts: [7] }, /texts\[0\]/],
    [{ texts: ['a'], dimensions: 512 }, /384 or 768/],
    [{ texts: ['a'], purpose: 'fun' }, /purpose/],
    [{ texts: ['a'], modle: 'x' }, /modle/],
  ]) {
    const { status, body: problem } = await ask(plain, 'POST', '/ai/embed', body);
    assert.equal(status, 400, JSON.stringify(body));
    assert.match(problem.detail, says);
  }
  const unknown = await ask(plain, 'POST', '/ai/embed', { texts: ['a'], model: 'nomic-embed-text' });
  assert.equal(unknown.status, 404);
  assert.match(unknown.body.hint, /lexical-1/);
});

test('without a generator it says how to get one', async () => {
  const { status, type, body } = await ask(plain, 'POST', '/ai/generate', { prompt: 'hello' });
  assert.equal(status, 503);
  assert.equal(type, 'application/problem+json');
  assert.match(body.hint, /ai\.generator/);
  const health = await ask(plain, 'GET', '/ai/health');
  assert.deepEqual([health.body.ok, health.body.embedder.model, health.body.generator], [true, 'lexical-1', null]);
});

test('Ollama embeds, found by OLLAMA_HOST, in batches and with the prefix', async () => {
  models.requests.length = 0;
  const { status, body } = await ask(served, 'POST', '/ai/embed', { texts: ['one', 'two', 'three'], purpose: 'query' });
  assert.equal(status, 200);
  assert.deepEqual([body.provider, body.model, body.dimensions, body.tokens], ['ollama', 'embedder', 8, 9]);
  assert.deepEqual(models.requests.map((r) => r.body.input), [['find: one', 'find: two'], ['find: three']]);
  for (const vector of body.vectors) assert.ok(Math.abs(dot(vector, vector) - 1) < 1e-6);
});

test('the generator answers whole and in pieces', async () => {
  models.requests.length = 0;
  const whole = await ask(served, 'POST', '/ai/generate', { prompt: 'one two three', system: 'short', temperature: 0.5, max_tokens: 9, stop: 'X', json: true });
  assert.deepEqual([whole.status, whole.body.text, whole.body.finish, whole.body.answer_tokens], [200, 'three two one', 'stop', 12]);
  const { body: sent, headers } = models.requests[0];
  assert.equal(headers.authorization, `Bearer ${SECRET}`);
  assert.deepEqual([sent.messages.length, sent.temperature, sent.max_tokens, sent.stop, sent.response_format], [2, 0.5, 9, ['X'], { type: 'json_object' }]);
  const stream = await ask(served, 'POST', '/ai/generate', { prompt: 'one two three' }, { accept: 'text/event-stream' });
  assert.equal(stream.type, 'text/event-stream');
  const events = stream.text.split('\n\n').filter(Boolean).map((line) => JSON.parse(line.replace(/^data: /, '')));
  assert.equal(events.slice(0, -1).map((event) => event.text).join(''), 'three two one');
  assert.deepEqual([events.at(-1).done, events.at(-1).model], [true, 'writer']);
});

test('a service that fails is 502 with its name; what no waiting mends is told apart', async () => {
  for (const [next, text, status, says] of [
    [{ status: 500 }, 'a', 200, null], // tried again
    [{ status: 503, headers: { 'retry-after': '0' } }, 'a', 200, null],
    [{ status: 429, headers: { 'retry-after': '600' } }, 'a', 502, /429/],
    [{ destroy: true }, 'a', 200, null],
    [{ raw: '{"embeddings": [[1,' }, 'a', 502, /no JSON/],
    [{ raw: '{"embeddings": []}' }, 'a', 502, /no usable vector/],
    [{ hugeBytes: 3_000_000 }, 'a', 502, /above the limit/],
    [{ status: 404, body: { error: 'model "embedder" not found' } }, 'a', 404, /embedder/],
    [null, 'long '.repeat(2000), 413, /too long/],
  ]) {
    await mend();
    models.next = next;
    const { status: got, body } = await ask(served, 'POST', '/ai/embed', { texts: [text] });
    assert.equal(got, status, JSON.stringify(next));
    if (says) assert.match(body.detail, says);
    if (status === 502) assert.match(body.detail, /"ollama" \(http:\/\/127\.0\.0\.1:\d+\)/);
  }
  await mend();
});

test('a service that is down is left alone, and used again when it is back', async (t) => {
  const own = await startModelServer();
  const server = await startServer({ t, config: `[ai]
embedder = "ollama"
embed_model = "embedder"
ollama_url = "${own.url}"
retries = 0
breaker_failures = 2
breaker_pause = "30s"
` });
  const embed = () => ask(server, 'POST', '/ai/embed', { texts: ['a'] });
  assert.equal((await embed()).status, 200);
  await own.stop();
  assert.match((await embed()).body.detail, /cannot connect|failed/);
  await embed();
  const open = await embed();
  assert.deepEqual([open.status, open.body.code], [502, 'upstream']);
  assert.match(open.body.detail, /taken to be down after 2 failures/);
  const sick = (await ask(server, 'GET', '/ai/health')).body;
  const provider = sick.providers.find((p) => p.name === 'ollama');
  assert.deepEqual([sick.ok, provider.ok, provider.circuit, provider.error.code], [false, false, 'open', 'upstream']);
  assert.ok(provider.wait_ms > 0);
  // The built-in one works on.
  assert.equal((await ask(server, 'POST', '/ai/embed', { texts: ['a'], model: 'lexical-1' })).status, 200);
  const again = await startModelServer(t, { port: own.port });
  assert.equal((await ask(server, 'GET', '/ai/health')).body.ok, true); // asking closes the circuit
  assert.equal((await embed()).status, 200);
  assert.ok(again.requests.length >= 2);
});

test('an answer that breaks off in its middle never passes for a whole one', async () => {
  await mend();
  models.next = { cutAfter: 1 };
  const asked = models.requests.length;
  assert.equal((await ask(served, 'POST', '/ai/generate', { prompt: 'one two three' })).status, 502);
  assert.equal(models.requests.length, asked + 1); // not put twice
  models.next = { errorAfter: 2 };
  const stream = await ask(served, 'POST', '/ai/generate', { prompt: 'one two three', model: 'ollama/writer' }, { accept: 'text/event-stream' });
  const last = JSON.parse(stream.text.trim().split('\n\n').at(-1).replace(/^data: /, ''));
  assert.match(last.error.message, /runner has gone/);
  assert.ok(!stream.text.includes('"done":true'));
});

test('a client that leaves ends the generation', async () => {
  await mend();
  const leave = new AbortController();
  models.next = { pieceMs: 50 };
  const reply = await fetch(`${served.url}/ai/generate`, {
    method: 'POST', signal: leave.signal, headers: { accept: 'text/event-stream', 'content-type': 'application/json' },
    body: JSON.stringify({ prompt: 'word '.repeat(200), model: 'ollama/writer' }),
  });
  await reply.body.getReader().read();
  leave.abort();
  const { body } = await ask(served, 'POST', '/ai/generate', { prompt: 'one two' });
  assert.equal(body.text, 'two one');
});

test('models are listed, loaded and unloaded', async () => {
  await mend();
  const list = (await ask(served, 'GET', '/ai/models')).body;
  assert.deepEqual(list.failures, []);
  assert.ok(list.items.some((m) => m.provider === 'builtin' && m.name === 'lexical-1' && m.dimensions === 384));
  assert.ok(list.items.some((m) => m.provider === 'ollama' && m.name === 'embedder' && !m.loaded));
  const loaded = await ask(served, 'POST', '/ai/admin/preload', { model: 'ollama/writer', keep_s: 60 });
  assert.deepEqual(loaded.body, { provider: 'ollama', model: 'writer', loaded: true });
  const vram = (await ask(served, 'GET', '/ai/admin/vram')).body;
  assert.ok(vram.models.some((m) => m.name === 'writer' && m.vram_bytes === 5137025024 && m.unload_at === '2036-06-04T14:38:31.837531Z'));
  assert.ok(vram.gpus.length > 0 || /NVIDIA/.test(vram.note));
  assert.equal((await ask(served, 'POST', '/ai/admin/unload', { model: 'ollama/writer' })).status, 200);
  assert.equal(models.loaded.size, 0);
  const missing = await ask(served, 'POST', '/ai/admin/preload', { model: 'ollama/llama9' });
  assert.equal(missing.status, 404);
  assert.match(missing.body.hint, /ollama pull llama9/);
  assert.equal((await ask(served, 'POST', '/ai/admin/unload', { model: 'lexical-1' })).status, 415);
});
