// Tuning an index over HTTP: eval sets, trials, promotion and rollback, autotune, the agent; searches meanwhile, restarts, kills.
import assert from 'node:assert/strict';
import test from 'node:test';
import { makeTemporaryFolder, runLakehouse, startServer } from '../lib/server.mjs';

const skills = ['nurse', 'welder', 'developer', 'driver', 'teacher', 'chemist', 'pilot', 'lawyer', 'baker', 'surveyor'];
const places = ['Austin', 'Dallas', 'Houston', 'Waco', 'El Paso', 'Plano', 'Laredo'];
const rows = (count, from = 0) =>
  ['person_id,resume', ...Array.from({ length: count }, (_, n) => {
    const i = n + from;
    return `${i},Person ${i} is a ${skills[i % 10]} in ${places[i % 7]} with ${i % 31} years of ${skills[(i * 7 + 3) % 10]} and shift ${(i * 131) % 97}.`;
  })].join('\n') + '\n';

async function ask(server, method, path, body) {
  const reply = await fetch(`${server.url}${path}`, {
    method,
    headers: body === undefined ? {} : { 'content-type': 'application/json' },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await reply.text();
  return { status: reply.status, body: text ? JSON.parse(text) : null };
}

async function good(server, method, path, body) {
  const reply = await ask(server, method, path, body);
  assert.ok(reply.status < 300, `${method} ${path}: ${JSON.stringify(reply)}`);
  return reply.body;
}

async function until(what, look, tries = 600) {
  for (let i = 0; i < tries; i++) {
    const found = await look();
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`never: ${what}`);
}

const ended = (server, id) =>
  until(`the end of ${id}`, async () => {
    const job = await good(server, 'GET', `/jobs/${id}`);
    return ['done', 'failed', 'cancelled'].includes(job.state) && job;
  });

async function upload(server, text, mode = 'create') {
  const reply = await fetch(`${server.url}/ingest/file?name=people&mode=${mode}&file_name=people.csv`, { method: 'POST', body: text });
  const answer = await reply.text();
  assert.ok(reply.ok, answer);
}

async function makeIndex(server, count = 300, more = {}) {
  await upload(server, rows(count));
  const made = await good(server, 'POST', '/vectors/index', { name: 'people', dataset: 'people', id_column: 'person_id', text_column: 'resume', ...more });
  assert.equal((await ended(server, made.job_id)).state, 'done');
}

const trial = (server, settings) => good(server, 'POST', '/vectors/hnsw/trial?wait=120', { index: 'people', ...settings });
const inEffect = (server) =>
  until('a promotion in effect', async () => {
    const promoted = await good(server, 'GET', '/vectors/hnsw/promoted/people');
    return promoted.state === 'in_effect' && promoted;
  });
const segments = async (server) => (await good(server, 'GET', '/vectors/indexes/people')).generation.segments;

test('an eval set is made of the index, the same for the same seed, and says when it has fallen behind', async (t) => {
  const server = await startServer({ t });
  await makeIndex(server);
  const one = await good(server, 'POST', '/vectors/hnsw/evals/first/autogen', { index: 'people', queries: 20, k: 5, seed: 7 });
  assert.equal(one.count, 20);
  assert.equal(one.stale, false);
  for (const question of one.questions) {
    assert.equal(question.answers.length, 5);
    for (let i = 1; i < 5; i++) assert.ok(question.answers[i - 1].distance <= question.answers[i].distance);
  }
  const two = await good(server, 'POST', '/vectors/hnsw/evals/second/autogen', { index: 'people', queries: 20, k: 5, seed: 7 });
  assert.equal(two.questions_hash, one.questions_hash);
  assert.deepEqual(two.questions, one.questions);
  const other = await good(server, 'POST', '/vectors/hnsw/evals/second/autogen', { index: 'people', queries: 20, k: 5, seed: 8 });
  assert.notEqual(other.questions_hash, one.questions_hash);
  assert.equal(other.number, 2);
  assert.deepEqual((await good(server, 'GET', '/vectors/hnsw/evals')).items.map((set) => set.name), ['first', 'second']);

  await upload(server, rows(40, 300), 'append');
  const refreshed = await good(server, 'POST', '/vectors/refresh/people', {});
  assert.equal((await ended(server, refreshed.jobs[0].job_id)).state, 'done');
  assert.equal((await good(server, 'GET', '/vectors/hnsw/evals/first')).stale, true);
  const job = await trial(server, { ef_construction: 80, ef_search: 60, harness: 'first' });
  assert.equal(job.job.result.trial.rows, 340);
  const renewed = await good(server, 'GET', '/vectors/hnsw/evals/first');
  assert.equal(renewed.stale, false);
  assert.equal(renewed.questions_hash, one.questions_hash);
  assert.equal(renewed.number, 2);

  assert.equal((await ask(server, 'DELETE', '/vectors/hnsw/evals/second')).status, 204);
  assert.equal((await ask(server, 'GET', '/vectors/hnsw/evals/second')).status, 404);
  assert.equal((await ask(server, 'PUT', '/storage/objects/_vectors/evals/first/1.json', {})).status, 403);
});

test('an uploaded eval set asks in words or vectors, with answers of its own or exact ones', async (t) => {
  const server = await startServer({ t });
  await makeIndex(server, 100);
  const vector = Array.from({ length: 384 }, (_, i) => Math.sin(i));
  const set = await good(server, 'PUT', '/vectors/hnsw/evals/mine', {
    index: 'people', k: 10, queries: ['chemist in Waco', { vector }, { text: 'Person 17', expected: ['17'] }, { text: 'no such', expected: ['absent'] }],
  });
  assert.equal(set.origin, 'upload');
  assert.equal(set.questions[0].text, 'chemist in Waco');
  const near = await good(server, 'POST', '/vectors/search', { index: 'people', vector, k: 3, mode: 'vector' });
  assert.deepEqual(set.questions[1].answers.slice(0, 3).map((answer) => answer.doc_id), near.hits.map((hit) => hit.doc_id));
  const { job } = await trial(server, { ef_construction: 200, ef_search: 200, harness: 'mine' });
  assert.equal(job.result.trial.harness.queries, 4);
  assert.ok(job.result.trial.measured.recall >= 0.5 && job.result.trial.measured.recall <= 0.75, 'the absent document costs a quarter');
  for (const [body, status] of [
    [{ index: 'people', queries: [] }, 400], [{ index: 'people', queries: [{}] }, 400], [{ index: 'people', queries: [{ vector: [1] }] }, 409],
    [{ index: 'people', queries: [{ text: 'x', expected: [3] }] }, 400], [{ index: 'none', queries: ['x'] }, 404], [{ queries: ['x'] }, 400],
    [{ index: 'people', queries: ['x'], k: 0 }, 400],
  ])
    assert.equal((await ask(server, 'PUT', '/vectors/hnsw/evals/bad', body)).status, status, JSON.stringify(body));
  assert.equal((await ask(server, 'PUT', '/vectors/hnsw/evals/_bad', { index: 'people', queries: ['x'] })).status, 400);
});

test('trials are written down with every parameter, and the best are found', async (t) => {
  const dataDir = makeTemporaryFolder();
  const server = await startServer({ dataDir });
  await makeIndex(server);
  const before = await segments(server);
  const first = await trial(server, { ef_construction: 10, ef_search: 10, m: 2 });
  assert.equal(first.job.state, 'done');
  const second = await trial(server, { ef_construction: 200, ef_search: 200, seed: 5 });
  assert.deepEqual(await segments(server), before, 'a trial does not touch the index');
  const { items } = await good(server, 'GET', '/vectors/hnsw/trials/people');
  assert.deepEqual(items.map((item) => item.id), [2, 1]);
  assert.deepEqual(items[0].settings, { m: 0, ef_construction: 200, ef_search: 200, seed: 5 });
  assert.equal(items[0].job, second.job_id);
  assert.equal(items[0].harness.name, 'people-auto');
  assert.ok(items[0].measured.recall > 0.99);
  assert.ok(items[0].measured.p50_us > 0 && items[0].measured.p99_us >= items[0].measured.p50_us);
  assert.ok(items[0].measured.memory_bytes > 0 && items[0].measured.build_ms > 0 && items[0].measured.searches >= 1000);
  const page = await good(server, 'GET', '/vectors/hnsw/trials/people?limit=1');
  assert.deepEqual(page.items.map((item) => item.id), [2]);
  const rest = await good(server, 'GET', `/vectors/hnsw/trials/people?limit=1&page_token=${page.next_page_token}`);
  assert.deepEqual([rest.items.map((item) => item.id), rest.next_page_token], [[1], null]);
  await server.stop();

  const again = await startServer({ t, dataDir });
  const best = await good(again, 'GET', '/vectors/hnsw/trials/people/best');
  assert.deepEqual([best.metric, best.considered, best.items[0].id], ['recall', 2, 2]);
  const pareto = await good(again, 'GET', '/vectors/hnsw/trials/people/best?metric=pareto');
  assert.ok(pareto.items.some((item) => item.id === 2));
  assert.equal((await good(again, 'GET', '/vectors/hnsw/trials/people/best?metric=latency&min_recall=0.99')).items[0].id, 2);
  assert.equal((await ask(again, 'GET', '/vectors/hnsw/trials/people/best?metric=magic')).status, 400);
  assert.equal((await ask(again, 'GET', '/vectors/hnsw/trials/people/best?harness=none')).status, 404);
  assert.equal((await ask(again, 'GET', '/vectors/hnsw/trials/none')).status, 404);
  for (const change of [{ ef_construction: 9 }, { ef_construction: 401 }, { ef_search: 9 }, { ef_search: 201 }, { ef_search: undefined }, { m: 65 }, { m: 1 }, { odd: 1 }])
    assert.equal((await ask(again, 'POST', '/vectors/hnsw/trial', { index: 'people', ef_construction: 80, ef_search: 60, ...change })).status, 400, JSON.stringify(change));
  assert.equal((await ask(again, 'POST', '/vectors/hnsw/trial?wait=60', { index: 'people', ef_construction: 80, ef_search: 60, harness: 'none' })).status, 404);
  const cache = await good(again, 'GET', '/vectors/hnsw/cache/stats');
  assert.equal(cache.items[0].index, 'people');
  assert.ok(cache.items[0].code_bytes > 0 && cache.hits > 0);
  const metrics = await (await fetch(`${again.url}/metrics`)).text();
  assert.match(metrics, /lakehouse_index_trials_total\{outcome="ok"\} 0/);
});

test('a promotion is built beside what is there and goes back step by step', async (t) => {
  const dataDir = makeTemporaryFolder();
  let server = await startServer({ dataDir });
  await makeIndex(server);
  assert.equal((await ask(server, 'POST', '/vectors/hnsw/rollback/people')).status, 409);
  await trial(server, { ef_construction: 40, ef_search: 40 });
  await trial(server, { ef_construction: 160, ef_search: 90, m: 24 });
  const [flat] = await segments(server);
  assert.equal(flat.backend, 'flat');
  const promoted = await ask(server, 'POST', '/vectors/hnsw/promote/people/1?promoted_by=ann&note=a%20first%20try');
  assert.equal(promoted.status, 202);
  assert.equal(promoted.body.promotion.by, 'ann');
  let now = await inEffect(server);
  assert.deepEqual(now.serving, { m: 0, ef_construction: 40, ef_search: 40, seed: 42, backend: 'hnsw' });
  const [graph] = await segments(server);
  assert.equal(graph.backend, 'hnsw');
  assert.equal(graph.chunks, flat.chunks, 'what does not change is not written again');
  const hits = await good(server, 'POST', '/vectors/search', { index: 'people', query: 'chemist in Waco' });
  assert.equal(hits.hits.length, 10);
  assert.equal((await good(server, 'POST', '/vectors/hnsw/promote/people/1')).history.length, 1, 'twice is once');

  await good(server, 'POST', '/vectors/hnsw/promote/people/2');
  now = await inEffect(server);
  assert.equal(now.serving.m, 24);
  await server.stop();
  server = await startServer({ t, dataDir });
  assert.equal((await inEffect(server)).promotion.trial, 2);
  await good(server, 'POST', '/vectors/hnsw/rollback/people?note=too%20large');
  now = await inEffect(server);
  assert.deepEqual([now.promotion.trial, now.serving.ef_construction], [1, 40]);
  await good(server, 'POST', '/vectors/hnsw/rollback/people');
  now = await inEffect(server);
  assert.deepEqual([now.promotion, now.serving.backend, now.settings.backend], [null, 'flat', 'auto']);
  assert.deepEqual(now.history.map((item) => item.action), ['rollback', 'rollback', 'promote', 'promote']);
  assert.equal((await ask(server, 'POST', '/vectors/hnsw/rollback/people')).status, 409);
  assert.equal((await ask(server, 'POST', '/vectors/hnsw/promote/people/99')).status, 404);
  assert.equal((await ask(server, 'POST', '/vectors/hnsw/promote/people/x')).status, 400);

  await good(server, 'POST', '/vectors/hnsw/promote/people/2');
  await inEffect(server);
  const other = await good(server, 'POST', '/vectors/hnsw/rollback/people');
  assert.equal(other.history.length, 6);
  await inEffect(server);
  assert.equal((await ask(server, 'DELETE', '/vectors/indexes/people')).status, 204);
  const left = await good(server, 'GET', '/storage/objects?prefix=_vectors/trials/');
  assert.deepEqual(left.items, []);
});

test('a promotion after an append makes one graph of all that lives, also across a kill', async (t) => {
  const dataDir = makeTemporaryFolder();
  const server = await startServer({ dataDir });
  await makeIndex(server);
  await upload(server, rows(30, 300), 'append');
  const refreshed = await good(server, 'POST', '/vectors/refresh/people', {});
  await ended(server, refreshed.jobs[0].job_id);
  assert.equal((await segments(server)).length, 2);
  await trial(server, { ef_construction: 80, ef_search: 60 });
  await good(server, 'POST', '/vectors/hnsw/promote/people/1');
  await server.kill9();
  const again = await startServer({ t, dataDir });
  const now = await inEffect(again);
  assert.equal(now.promotion.trial, 1);
  assert.deepEqual((await segments(again)).map((s) => [s.backend, s.rows]), [['hnsw', 330]]);
  const found = await good(again, 'POST', '/vectors/search', { index: 'people', query: 'Person 317', mode: 'text' });
  assert.equal(found.hits[0].doc_id, '317');
});

test('autotune tries a grid, promotes the best, and is alone', async (t) => {
  const server = await startServer({ t });
  await makeIndex(server);
  const grid = [{ ef_construction: 20, ef_search: 20 }, { ef_construction: 100, ef_search: 100 }];
  const started = await ask(server, 'POST', '/vectors/hnsw/autotune', { index_name: 'people', grid });
  assert.equal(started.status, 202);
  const second = await ask(server, 'POST', '/vectors/hnsw/autotune', { index_name: 'people', grid });
  if (second.status === 409) assert.match(second.body.detail, new RegExp(started.body.job_id));
  else assert.equal((await ended(server, started.body.job_id)).state, 'done'); // it had ended already
  const job = await ended(server, started.body.job_id);
  assert.equal(job.state, 'done', JSON.stringify(job));
  assert.equal(job.result.trials.length, 2);
  assert.equal(job.result.promoted, true);
  const now = await inEffect(server);
  assert.equal(now.promotion.trial, job.result.winner.id);
  assert.equal(now.promotion.job, job.id);
  if (second.status === 202) await ended(server, second.body.job_id);

  const picky = await good(server, 'PUT', '/vectors/hnsw/evals/impossible', { index: 'people', queries: [{ text: 'x', expected: ['absent'] }] });
  assert.equal(picky.count, 1);
  const none = await good(server, 'POST', '/vectors/hnsw/autotune?wait=120', { index_name: 'people', grid, harness: 'impossible', min_recall: 0.5 });
  assert.deepEqual([none.job.result.promoted, none.job.result.winner], [false, null]);
  for (const body of [{}, { index_name: 'people', grid: [] }, { index_name: 'people', grid: [{ ef_construction: 1, ef_search: 30 }] }, { index_name: 'people', min_recall: 2 }])
    assert.equal((await ask(server, 'POST', '/vectors/hnsw/autotune', body)).status, 400, JSON.stringify(body));
});

test('an autotune that is killed goes on behind the trials that it has made', async (t) => {
  const dataDir = makeTemporaryFolder();
  const server = await startServer({ dataDir });
  await makeIndex(server, 2000);
  const { job_id: id } = await good(server, 'POST', '/vectors/hnsw/autotune', { index_name: 'people' });
  await until('a first trial', async () => (await good(server, 'GET', '/vectors/hnsw/trials/people')).items.length > 0);
  await server.kill9();
  const again = await startServer({ t, dataDir });
  const job = await ended(again, id);
  assert.equal(job.state, 'done', JSON.stringify(job));
  const { items } = await good(again, 'GET', '/vectors/hnsw/trials/people');
  assert.deepEqual(items.map((item) => item.step), [4, 3, 2, 1, 0]);
  assert.ok(items.every((item) => item.job === id));
  assert.deepEqual(items.map((item) => [item.settings.ef_construction, item.settings.ef_search]).reverse(), [[20, 30], [40, 30], [80, 30], [80, 60], [160, 30]]);
});

test('an autotune can be cancelled', async (t) => {
  const server = await startServer({ t });
  await makeIndex(server, 2000);
  const { job_id: id } = await good(server, 'POST', '/vectors/hnsw/autotune', { index_name: 'people' });
  await ask(server, 'DELETE', `/jobs/${id}`);
  const job = await ended(server, id);
  assert.equal(job.state, 'cancelled');
  assert.equal((await good(server, 'GET', '/vectors/hnsw/promoted/people')).promotion, null);
});

test('a graph in the making ends with its job: when the server stops, or when it is cancelled', async (t) => {
  const dataDir = makeTemporaryFolder();
  const server = await startServer({ t, dataDir });
  await upload(server, rows(6000));
  // A window of all the rows for each of them: a build of half a minute.
  const slow = { name: 'people', dataset: 'people', id_column: 'person_id', text_column: 'resume', backend: 'hnsw', m: 64, ef_construction: 65536 };
  const { job_id: id } = await good(server, 'POST', '/vectors/index', slow);
  const embedded = (at) => until('all embedded', async () => {
    const job = await good(at, 'GET', `/jobs/${id}`);
    return job.state === 'running' && job.progress.done === 6000;
  });
  await embedded(server);
  assert.equal((await server.stop()).signal, null, 'it stops by itself, long before the build would end');
  const again = await startServer({ t, dataDir });
  assert.ok(['queued', 'running'].includes((await good(again, 'GET', `/jobs/${id}`)).state), 'the server did not wait for its end');
  await embedded(again);
  await good(again, 'DELETE', `/jobs/${id}`);
  assert.equal((await ended(again, id)).state, 'cancelled');
  assert.equal((await good(again, 'GET', '/vectors/indexes/people')).ready, false);
});

test('no search fails while generations are switched under it', async (t) => {
  const server = await startServer({ t });
  await makeIndex(server, 800);
  await trial(server, { ef_construction: 20, ef_search: 20 });
  await trial(server, { ef_construction: 120, ef_search: 80 });
  let stop = false;
  let searches = 0;
  const generations = new Set();
  const client = async (n) => {
    for (let i = 0; !stop; i++) {
      const reply = await ask(server, 'POST', '/vectors/search', { index: 'people', query: `Person ${(n * 50 + i) % 800}`, mode: ['text', 'vector', 'hybrid'][i % 3], k: 5 });
      assert.equal(reply.status, 200, JSON.stringify(reply.body));
      assert.equal(reply.body.hits.length, 5);
      generations.add(reply.body.generation);
      searches++;
    }
  };
  const clients = [0, 1, 2, 3].map(client);
  const switching = async () => {
    for (let round = 0; round < 6; round++) {
      if (round === 4) await good(server, 'POST', '/vectors/hnsw/rollback/people');
      else await good(server, 'POST', `/vectors/hnsw/promote/people/${1 + (round % 2)}`);
      await inEffect(server);
    }
  };
  await switching().finally(() => (stop = true));
  await Promise.all(clients);
  assert.ok(generations.size >= 6, `${generations.size} generations in ${searches} searches`);
});

test('the agent tries by itself where a dataset changes, whichever way, and where it is asked to', async (t) => {
  const env = { LAKEHOUSE__AGENT__ENABLED: 'true', LAKEHOUSE__AGENT__COOLDOWN: '1s', LAKEHOUSE__AGENT__MAX_TRIALS_PER_HOUR: '4' };
  const server = await startServer({ t, env });
  await makeIndex(server, 1100, { refresh: 'on_append' });
  const trials = async (count) =>
    until(`${count} trials`, async () => {
      const { items } = await good(server, 'GET', '/vectors/hnsw/trials/people');
      return items.length >= count && items;
    });
  assert.equal((await trials(1))[0].mode, 'agent');
  await upload(server, rows(20, 1100), 'append');
  const second = (await trials(2))[0];
  assert.equal(second.rows, 1120, 'it measures what was refreshed');
  const gone = await good(server, 'POST', '/vectors/agent/enqueue/people');
  assert.equal(gone.index, 'people');
  await trials(3);
  const settings = (await good(server, 'GET', '/vectors/hnsw/trials/people')).items.map((item) => JSON.stringify(item.settings));
  assert.equal(new Set(settings).size, settings.length, 'nothing is tried twice');
  const status = await good(server, 'GET', '/vectors/agent/status');
  assert.deepEqual([status.enabled, status.max_trials_per_hour, status.trials_last_hour], [true, 4, 3]);
  await good(server, 'POST', '/vectors/agent/enqueue/people');
  await trials(4);
  await good(server, 'POST', '/vectors/agent/enqueue/people');
  await new Promise((resolve) => setTimeout(resolve, 2500));
  assert.equal((await good(server, 'GET', '/vectors/hnsw/trials/people')).items.length, 4, 'not more in an hour');
  const waiting = await good(server, 'GET', '/vectors/agent/status');
  assert.deepEqual([waiting.items[0].queued, waiting.items[0].why], [true, 'enqueued']);
  const wait = Date.parse(waiting.items[0].not_before) - Date.now();
  assert.ok(wait > 3000e3 && wait <= 3600e3, `the hour has room again in ${wait} ms`);
});

test('the agent leaves small indexes alone', async (t) => {
  const server = await startServer({ t, env: { LAKEHOUSE__AGENT__ENABLED: 'true', LAKEHOUSE__AGENT__COOLDOWN: '1s' } });
  await makeIndex(server, 50);
  await new Promise((resolve) => setTimeout(resolve, 1500));
  const [item] = (await good(server, 'GET', '/vectors/agent/status')).items;
  assert.deepEqual([item.queued, item.why, item.running, item.last_trial_at], [false, null, false, null]);
  assert.match(item.unfit, /fewer than 1000 chunks/);
  const reply = await ask(server, 'POST', '/vectors/agent/enqueue/people');
  assert.equal(reply.status, 409);
  assert.match(reply.body.detail, /fewer than 1000 chunks/);
  await upload(server, 'person_id,name\n1,Ada\n', 'replace');
  assert.match((await good(server, 'GET', '/vectors/agent/status')).items[0].unfit, /lacks a column/);
  await good(server, 'DELETE', '/catalog/datasets/by-name/people');
  assert.match((await good(server, 'GET', '/vectors/agent/status')).items[0].unfit, /dataset is gone/);
});

test('what a person enqueued goes first', async (t) => {
  const dataDir = makeTemporaryFolder();
  const quiet = await startServer({ t, dataDir });
  await makeIndex(quiet, 1100);
  for (const name of ['second', 'third'])
    await ended(quiet, (await good(quiet, 'POST', '/vectors/index', { name, dataset: 'people', id_column: 'person_id', text_column: 'resume' })).job_id);
  await quiet.stop();
  const start = (most) =>
    startServer({ t, dataDir, env: { LAKEHOUSE__AGENT__ENABLED: 'true', LAKEHOUSE__AGENT__COOLDOWN: '1s', LAKEHOUSE__AGENT__MAX_TRIALS_PER_HOUR: `${most}` } });
  const tried = (server, most) =>
    until(`${most} trials`, async () => {
      const { items } = await good(server, 'GET', '/vectors/agent/status');
      return items.filter((item) => item.last_trial_at && !item.running).length === most && items;
    });
  const one = await start(1);
  const waiting = (await tried(one, 1)).filter((item) => !item.last_trial_at);
  assert.deepEqual(waiting.map((item) => item.why), ['changed', 'changed']);
  assert.ok(waiting.every((item) => Date.parse(item.not_before) > Date.now()));
  const last = waiting[1].index;
  await good(one, 'POST', `/vectors/agent/enqueue/${last}`);
  assert.equal((await good(one, 'GET', '/vectors/agent/status')).items.find((item) => item.index === last).why, 'enqueued');
  await one.stop();
  const two = await start(2);
  const then = await tried(two, 2);
  assert.ok(then.find((item) => item.index === last).last_trial_at, 'it is the second, before the one that only changed');
  await two.stop();
});

test('an agent that is not enabled does nothing, and says so', async (t) => {
  const server = await startServer({ t });
  await makeIndex(server, 50);
  const reply = await ask(server, 'POST', '/vectors/agent/enqueue/people');
  assert.equal(reply.status, 409);
  assert.match(reply.body.hint, /\[agent\]/);
  assert.equal((await good(server, 'GET', '/vectors/agent/status')).enabled, false);
});

test('eval sets and trials are in the bucket of their index, and are found when it has moved', async (t) => {
  const server = await startServer({ t });
  await makeIndex(server);
  await trial(server, { ef_construction: 80, ef_search: 60 });
  await good(server, 'POST', '/storage/buckets', { name: 'other', root: makeTemporaryFolder() });
  await good(server, 'PATCH', '/vectors/indexes/people', { bucket: 'other' });
  await until('the move', async () => (await good(server, 'GET', '/vectors/indexes/people')).generation.bucket === 'other');
  await until('the end of its job', async () => !(await good(server, 'GET', '/vectors/hnsw/promoted/people')).job_id);
  await trial(server, { ef_construction: 100, ef_search: 60 });
  assert.deepEqual((await good(server, 'GET', '/vectors/hnsw/trials/people')).items.map((item) => item.id), [2, 1]);
  const keys = async (bucket) => (await good(server, 'GET', `/storage/buckets/${bucket}/objects?prefix=_vectors/`)).items.map((item) => item.key);
  const number = (n) => `${n}`.padStart(20, '0');
  const there = await keys('other');
  assert.ok(there.includes(`_vectors/trials/people/${number(2)}.json`), there.join());
  assert.ok(there.includes(`_vectors/evals/people-auto/${number(2)}.json`), 'the set was worked out again, and went along');
  const here = await keys('primary');
  assert.ok(here.includes(`_vectors/trials/people/${number(1)}.json`));
  assert.ok(!here.some((key) => key.startsWith('_vectors/evals/')));
  assert.deepEqual((await good(server, 'GET', '/vectors/hnsw/evals')).items.map((set) => set.name), ['people-auto']);
  await good(server, 'POST', '/vectors/hnsw/promote/people/1');
  assert.equal((await inEffect(server)).serving.ef_construction, 80);
  assert.equal((await segments(server))[0].backend, 'hnsw');
  assert.equal((await ask(server, 'DELETE', '/vectors/indexes/people')).status, 204);
  for (const bucket of ['primary', 'other']) assert.ok(!(await keys(bucket)).some((key) => key.startsWith('_vectors/trials/')), bucket);
});

test('the command line tunes, promotes and rolls back', async (t) => {
  const server = await startServer({ t });
  await makeIndex(server);
  const run = (...args) => runLakehouse([...args, '--server', server.url]);
  assert.match((await run('index', 'trials', 'people')).stderr, /no trial/);
  const tuned = await run('index', 'tune', 'people', '--grid', '20:20,120:80:24', '--min-recall', '0.5');
  assert.equal(tuned.code, 0, tuned.stderr);
  assert.match(tuned.stdout, /^ +1 +20 +20 +0 +[01]\.\d{4}/m);
  assert.match(tuned.stdout, /people: trial \d is promoted .*: in_effect/);
  assert.match((await run('index', 'trials', 'people')).stdout, /^ +2 +120 +80 +24 /m);
  const promoted = await run('index', 'promote', 'people', '1', '--note', 'small is enough', '--json');
  assert.equal(promoted.code, 0, promoted.stderr);
  assert.equal(JSON.parse(promoted.stdout).state, 'in_effect');
  assert.equal((await run('index', 'rollback', 'people')).code, 0);
  for (const args of [['tune'], ['tune', 'people', '--grid', '20'], ['tune', 'people', '--grid', 'x:y'], ['tune', 'people', '--min-recall', 'much'], ['promote', 'people'], ['trials', 'a', 'b']])
    assert.equal((await run('index', ...args)).code, 2, args.join(' '));
  assert.equal((await run('index', 'tune', 'none')).code, 1);
});
