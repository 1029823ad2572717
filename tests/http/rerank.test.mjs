// POST /ai/rerank and `rerank` in searches: built in, by a service's /rerank, by a generator's marks.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startModelServer } from '../lib/model_server.mjs';
import { makePeople, send } from '../lib/people.mjs';
import { startServer } from './server.mjs';

let models;
let server;
const documents = ['A baker.', 'An intensive care nurse in Austin.', 'A nurse.', 'Many words about nothing that anyone here would ever ask for.'];

before(async () => {
  models = await startModelServer();
  server = await startServer({
    env: { OLLAMA_HOST: models.url },
    config: `[ai]\ngenerator = "openai"\ngenerate_model = "writer"\nopenai_url = "${models.url}/v1"\nretries = 0\n`,
  });
  await makePeople(server);
});
after(() => Promise.all([server.stop(), models.stop()]));

const rerank = (request) => send(server, 'POST', '/ai/rerank', { query: 'intensive care nurses', documents, ...request });
const order = (reply) => reply.body.results.map((result) => result.index);

test('the built-in reranker needs nobody, and says its name', async () => {
  const before = models.requests.length;
  for (const model of [undefined, 'lexical-rerank-1', 'builtin']) {
    const reply = await rerank({ model });
    assert.equal(reply.status, 200, JSON.stringify(reply.body));
    assert.deepEqual([reply.body.provider, reply.body.model], ['builtin', 'lexical-rerank-1']);
    assert.deepEqual(order(reply).slice(0, 2), [1, 2]);
    const scores = reply.body.results.map((result) => result.score);
    assert.ok(scores.every((score, i) => score >= 0 && score <= 1 && (i === 0 || score <= scores[i - 1])));
  }
  assert.deepEqual(order(await rerank({ top_n: 1 })), [1]);
  assert.deepEqual(order(await rerank({ query: 'zebra', documents: ['same', 'same'] })), [0, 1]);
  assert.equal(models.requests.length, before);
});

test('a service reranks, where it can', async () => {
  const reply = await rerank({ model: 'openai/bge-reranker' });
  assert.deepEqual([reply.body.provider, reply.body.model], ['openai', 'bge-reranker']);
  assert.deepEqual(order(reply), [3, 1, 0, 2]);
  const { path, body } = models.requests.at(-1);
  assert.deepEqual([path, body.model, body.query, body.documents, body.top_n], ['/v1/rerank', 'bge-reranker', 'intensive care nurses', documents, 4]);
});

test('where it cannot, and with Ollama, a generator gives marks', async () => {
  models.answer = '{"marks": [0, 10, 7.5, 1]}';
  for (const [model, provider] of [['openai/writer', 'openai'], ['ollama/writer', 'ollama']]) {
    models.reranks = false;
    const reply = await rerank({ model });
    models.reranks = true;
    assert.equal(reply.status, 200, JSON.stringify(reply.body));
    assert.equal(reply.body.provider, provider);
    assert.deepEqual(reply.body.results, [{ index: 1, score: 1 }, { index: 2, score: 0.75 }, { index: 3, score: 0.1 }, { index: 0, score: 0 }]);
    const { messages } = models.requests.at(-1).body;
    assert.match(messages[0].content, /quoted documents/);
    assert.match(messages[1].content, /^Query: "intensive care nurses"\nText 1: "A baker\."\n/);
  }
});

test('nonsense is the provider\'s failure, not a ranking', async () => {
  for (const answer of ['{"marks": [1, 2]}', '{"marks": [1, 2, 3, 11]}', '{"marks": [1, 2, 3, "4"]}', 'one two', '[1, 2, 3, 4]', '{}']) {
    models.answer = answer;
    const reply = await rerank({ model: 'ollama/writer' });
    assert.deepEqual([reply.status, reply.body.code], [502, 'upstream'], answer);
    assert.match(reply.body.detail, /"ollama"/);
  }
  for (const results of [[], [{ index: 0, relevance_score: 1 }], [0, 1, 2, 2].map((index) => ({ index, relevance_score: 1 })), [0, 1, 2, 4].map((index) => ({ index, relevance_score: 1 })), [0, 1, 2, 3].map((index) => ({ index, relevance_score: 'x' }))]) {
    models.next = { raw: JSON.stringify({ results }) };
    const reply = await rerank({ model: 'openai/bge' });
    assert.deepEqual([reply.status, reply.body.code], [502, 'upstream'], JSON.stringify(results));
  }
  models.next = { status: 500 };
  assert.equal((await rerank({ model: 'openai/bge' })).status, 502);
});

test('what cannot be ranked is refused', async () => {
  for (const [request, status, says] of [
    [{ documents: [] }, 400, /documents/], [{ documents: 'x' }, 400, /documents/], [{ documents: [1] }, 400, /documents\[0\]/], [{ query: 3 }, 400, /query/],
    [{ documents: Array(1001).fill('x') }, 413, /1001/], [{ model: 'none' }, 404, /none/], [{ model: 'builtin/lexical-1' }, 404, /lexical-1/],
    [{ top_n: 0 }, 400, /top_n/], [{ other: 1 }, 400, /other/], [{ documents: ['x'.repeat(1048577)] }, 413, /bytes/],
  ]) {
    const reply = await rerank(request);
    assert.equal(reply.status, status, JSON.stringify(reply.body));
    assert.match(reply.body.detail, says);
  }
});

test('a search and an answer take the reranker\'s order', async () => {
  const search = (request) => send(server, 'POST', '/vectors/search', { index: 'people', query: 'nurse', ...request });
  const plain = await search({ k: 5 });
  assert.ok(plain.body.hits.every((hit) => hit.rerank_score === undefined));
  const own = await search({ rerank: true, query: 'newly graduated nurse', k: 2 });
  assert.equal(own.status, 200, JSON.stringify(own.body));
  assert.equal(own.body.hits.length, 2);
  assert.equal(own.body.hits[0].doc_id, '4');
  assert.ok(own.body.hits[0].rerank_score > own.body.hits[1].rerank_score);

  const longest = await search({ rerank: 'openai/bge', k: 3, text: false });
  const lengths = plain.body.hits.map((hit) => [hit.doc_id, hit.text.length]).sort((a, b) => b[1] - a[1]).map(([id]) => id);
  assert.deepEqual(longest.body.hits.map((hit) => hit.doc_id), lengths.slice(0, 3));
  assert.ok(longest.body.hits.every((hit) => hit.text === undefined && hit.rerank_score > 0));
  const shallow = await search({ rerank: 'openai/bge', k: 1, rerank_depth: 2 });
  assert.equal(models.requests.at(-1).body.documents.length, 2);
  assert.equal(shallow.body.hits.length, 1);

  models.answer = 'It is so [1].';
  const answer = await send(server, 'POST', '/vectors/rag', { index: 'people', question: 'nurse', rerank: 'openai/bge', k: 2, model: 'ollama/writer' });
  assert.deepEqual(answer.body.passages.map((p) => p.doc_id), lengths.slice(0, 2));

  for (const [request, says] of [[{ rerank: 3 }, /rerank/], [{ rerank: 'none' }, /none/], [{ rerank: true, rerank_depth: 1001 }, /rerank_depth/],
    [{ rerank: true, query: undefined, vector: Array(384).fill(1) }, /rerank needs/]]) {
    const reply = await search(request);
    assert.ok(reply.status === 400 || reply.status === 404, JSON.stringify(reply.body));
    assert.match(reply.body.detail, says);
  }
});
