// /metrics counts what providers are asked, how long it takes, how it ends, and whether a circuit is open.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startModelServer } from '../lib/model_server.mjs';
import { send } from '../lib/people.mjs';
import { startServer } from './server.mjs';

test('calls, tokens, failures and circuits by provider', async (t) => {
  const models = await startModelServer(t);
  const server = await startServer({
    t, config: `[ai]\nembedder = "ollama"\nembed_model = "embedder"\ngenerator = "ollama"\ngenerate_model = "writer"\nollama_url = "${models.url}"\nretries = 0\nbreaker_failures = 2\nbreaker_pause = "1h"\n`,
  });
  const read = async () => {
    const text = await (await fetch(`${server.url}/metrics`)).text();
    return (name, provider) => Number(new RegExp(`^lakehouse_ai_${name}\\{provider="${provider}"\\} (\\S+)$`, 'm').exec(text)?.[1] ?? NaN);
  };
  const start = await read();
  for (const name of ['requests_total', 'failures_total', 'circuit_open', 'generate_seconds_count', 'prompt_tokens_total']) {
    for (const provider of ['builtin', 'ollama', 'openai']) assert.equal(start(name, provider), 0, `${name} ${provider}`);
  }

  models.answer = 'one two three';
  await send(server, 'POST', '/ai/embed', { texts: ['a', 'b'] });
  await send(server, 'POST', '/ai/embed', { texts: ['a'], model: 'lexical-1' });
  await send(server, 'POST', '/ai/rerank', { query: 'a', documents: ['a', 'b'] });
  assert.equal((await send(server, 'POST', '/ai/generate', { prompt: 'x' })).status, 200);
  const after = await read();
  assert.deepEqual([after('requests_total', 'ollama'), after('requests_total', 'builtin'), after('failures_total', 'ollama')], [2, 2, 0]);
  assert.deepEqual([after('embedded_texts_total', 'ollama'), after('embed_tokens_total', 'ollama'), after('embedded_texts_total', 'builtin')], [2, 6, 1]);
  assert.deepEqual([after('prompt_tokens_total', 'ollama'), after('answer_tokens_total', 'ollama')], [26, 3]);
  assert.deepEqual([after('embed_seconds_count', 'ollama'), after('generate_seconds_count', 'ollama'), after('rerank_seconds_count', 'builtin')], [1, 1, 1]);
  assert.ok(after('generate_seconds_sum', 'ollama') > 0);

  for (let i = 0; i < 2; i++) {
    models.next = { status: 500 };
    assert.equal((await send(server, 'POST', '/ai/generate', { prompt: 'x' })).status, 502);
  }
  await send(server, 'POST', '/ai/embed', { texts: ['a'], model: 'ollama/none' }); // refused by the open circuit
  const failed = await read();
  assert.deepEqual([failed('failures_total', 'ollama'), failed('circuit_open', 'ollama'), failed('circuit_open', 'builtin')], [3, 1, 0]);
});
