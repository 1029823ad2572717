// A server that speaks Ollama's and OpenAI's protocols as their documentation shows them, and fails on demand.
//
//     const models = await startModelServer(t);
//     models.url                      base URL for Ollama; + '/v1' for OpenAI
//     models.next = { status: 503 }   what happens to the next request (see `misbehave`); null: nothing
//     models.reranks = false          it has no /v1/rerank
//     models.requests                 [{ method, path, headers, body }], all of them
//
//     models.failEmbedsAfter = 20     so many requests to embed go well, those after them are 503
//     models.answer = 'words'         what it answers from now on, or a list of what it answers in turn; null: the last message,
//                                     reversed word by word
//
//     models.dimensions = 12          of its vectors from now on; at first DIMENSIONS
//
// Its vectors: 8 numbers made from the text's bytes.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';

export const DIMENSIONS = 8;

function vectorOf(text, dimensions = DIMENSIONS) {
  const vector = new Array(dimensions).fill(0);
  [...Buffer.from(text)].forEach((byte, i) => (vector[i % dimensions] += byte - 96.5));
  return vector;
}
const answerTo = (server, messages) =>
  (Array.isArray(server.answer) ? server.answer.shift() : server.answer)?.split(' ') ?? messages.at(-1).content.split(' ').reverse();
const texts = (input) => (Array.isArray(input) ? input : [input]);

function sendJson(reply, status, value, headers = {}) {
  reply.writeHead(status, { 'content-type': 'application/json', ...headers });
  reply.end(JSON.stringify(value));
}

/** One request that goes wrong; true where nothing is left to do. */
async function misbehave(how, reply) {
  if (how.delayMs) await pause(how.delayMs);
  if (how.destroy) return reply.destroy(), true;
  if (how.raw !== undefined) return reply.writeHead(200, { 'content-type': 'application/json' }), reply.end(how.raw), true;
  if (how.hugeBytes) {
    reply.writeHead(200, { 'content-type': 'application/json' });
    reply.write('{"embeddings":[[');
    for (let sent = 0; sent < how.hugeBytes && !reply.destroyed; sent += 65536) reply.write('0,'.repeat(32768));
    return reply.end(), true;
  }
  if (how.status) return sendJson(reply, how.status, how.body ?? { error: `told to say ${how.status}` }, how.headers), true;
  return false;
}

const ollama = {
  'GET /api/version': (server, body, reply) => sendJson(reply, 200, { version: '0.13.0' }),
  'GET /api/tags': (server, body, reply) =>
    sendJson(reply, 200, {
      models: server.models.map((name) => ({
        name, model: name, modified_at: '2026-05-04T17:37:44.706015396-07:00', size: 274302450, digest: 'ab'.repeat(32),
        details: { format: 'gguf', family: 'llama', parameter_size: '7.2B', quantization_level: 'Q4_0' },
      })),
    }),
  'GET /api/ps': (server, body, reply) =>
    sendJson(reply, 200, {
      models: [...server.loaded].map((name) => ({ name, model: name, size: 5137025024, expires_at: '2036-06-04T14:38:31.837531Z', size_vram: 5137025024 })),
    }),
  'POST /api/embed': (server, body, reply) => {
    if (!server.models.includes(body.model)) return sendJson(reply, 404, { error: `model "${body.model}" not found, try pulling it first` });
    if (texts(body.input).some((text) => text.length > 5000)) return sendJson(reply, 400, { error: 'the input length exceeds the context length' });
    return sendJson(reply, 200, {
      model: body.model, embeddings: texts(body.input).map((text) => vectorOf(text, server.dimensions)), total_duration: 14143917, load_duration: 1019500,
      prompt_eval_count: texts(body.input).length * 3,
    });
  },
  'POST /api/generate': (server, body, reply) => {
    if (!server.models.includes(body.model)) return sendJson(reply, 404, { error: `model "${body.model}" not found` });
    const unload = /^0(ms)?$/.test(String(body.keep_alive));
    if (unload) server.loaded.delete(body.model);
    else server.loaded.add(body.model);
    return sendJson(reply, 200, { model: body.model, created_at: '2026-01-01T00:00:00Z', response: '', done: true, done_reason: unload ? 'unload' : 'load' });
  },
  'POST /api/chat': async (server, body, reply, how) => {
    const line = (value) => reply.write(`${JSON.stringify({ model: body.model, created_at: '2026-01-01T00:00:00Z', ...value })}\n`);
    reply.writeHead(200, { 'content-type': 'application/x-ndjson' });
    const words = answerTo(server, body.messages);
    for (const [i, word] of words.entries()) {
      line({ message: { role: 'assistant', content: i ? ` ${word}` : word }, done: false });
      await pause(how?.pieceMs ?? 2);
      if (how?.cutAfter === i + 1) return reply.destroy();
      if (how?.errorAfter === i + 1) return reply.end('{"error":"the model runner has gone"}\n');
    }
    line({ message: { role: 'assistant', content: '' }, done: true, done_reason: 'stop', prompt_eval_count: 26, eval_count: words.length });
    return reply.end();
  },
};

const openai = {
  'GET /v1/models': (server, body, reply) =>
    sendJson(reply, 200, { object: 'list', data: server.models.map((id) => ({ id, object: 'model', created: 1686935002, owned_by: 'test' })) }),
  'POST /v1/embeddings': (server, body, reply) =>
    sendJson(reply, 200, {
      object: 'list', model: body.model,
      data: texts(body.input).map((text, index) => ({ object: 'embedding', index, embedding: vectorOf(text, server.dimensions) })).reverse(),
      usage: { prompt_tokens: 8, total_tokens: 8 },
    }),
  // As vLLM and llama.cpp have it beside OpenAI's own: here the longest text is the best one.
  'POST /v1/rerank': (server, body, reply) => {
    if (!server.reranks) return sendJson(reply, 404, { detail: 'Not Found' });
    const results = body.documents.map((text, index) => ({ index, relevance_score: text.length })).sort((a, b) => b.relevance_score - a.relevance_score);
    return sendJson(reply, 200, { id: 'rerank-1', model: body.model, usage: { total_tokens: 10 }, results });
  },
  'POST /v1/chat/completions': async (server, body, reply, how) => {
    const chunk = (choices, more = {}) =>
      reply.write(`data: ${JSON.stringify({ id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1694268190, model: body.model, choices, ...more })}\n\n`);
    reply.writeHead(200, { 'content-type': 'text/event-stream' });
    chunk([{ index: 0, delta: { role: 'assistant', content: '' }, logprobs: null, finish_reason: null }]);
    for (const [i, word] of answerTo(server, body.messages).entries()) {
      chunk([{ index: 0, delta: { content: i ? ` ${word}` : word }, finish_reason: null }]);
      await pause(how?.pieceMs ?? 2);
      if (how?.cutAfter === i + 1) return reply.destroy();
    }
    chunk([{ index: 0, delta: {}, finish_reason: 'stop' }]);
    if (body.stream_options?.include_usage) chunk([], { usage: { prompt_tokens: 9, completion_tokens: 12, total_tokens: 21 } });
    return reply.end('data: [DONE]\n\n');
  },
};

/** @param {import('node:test').TestContext} [t]  the server is stopped after this test */
export async function startModelServer(t, { port = 0 } = {}) {
  const routes = { ...ollama, ...openai };
  const server = { url: '', next: null, answer: null, reranks: true, dimensions: DIMENSIONS, failEmbedsAfter: Infinity, requests: [], models: ['writer', 'embedder'], loaded: new Set() };
  const http = createServer(async (request, reply) => {
    const parts = [];
    for await (const part of request) parts.push(part);
    const body = parts.length ? JSON.parse(Buffer.concat(parts).toString()) : undefined;
    const how = server.next;
    server.next = null;
    const seen = { method: request.method, path: request.url, headers: request.headers, body, answered: false };
    server.requests.push(seen);
    reply.on('error', () => {});
    if (/embed/.test(request.url) && server.failEmbedsAfter-- <= 0) return sendJson(reply, 503, { error: 'server busy' });
    reply.on('finish', () => (seen.answered = reply.statusCode === 200));
    if (how && (await misbehave(how, reply))) return;
    const route = routes[`${request.method} ${request.url}`];
    if (route) await route(server, body, reply, how);
    else sendJson(reply, 404, '404 page not found');
  });
  http.listen(port, '127.0.0.1');
  await once(http, 'listening');
  server.port = http.address().port;
  server.url = `http://127.0.0.1:${server.port}`;
  server.stop = () => new Promise((resolve) => (http.close(resolve), http.closeAllConnections()));
  t?.after(() => server.stop());
  return server;
}
