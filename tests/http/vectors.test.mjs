// Indexes over HTTP: made, searched by words, by vector and by both, filtered, refreshed, compared, removed.
import assert from 'node:assert/strict';
import test from 'node:test';
import { startModelServer } from '../lib/model_server.mjs';
import { makeTemporaryFolder, runLakehouse, startServer } from '../lib/server.mjs';

const people = [
  ['1', 'Austin', 12, 'Registered nurse. Ten years of intensive care in Austin hospitals. Ventilators and triage.'],
  ['2', 'Dallas', 3, 'Forklift driver and warehouse clerk. Night shifts. Inventory with SAP.'],
  ['3', 'Austin', 7, 'Senior C++ developer. Also C# and .NET. Databases, storage engines, search.'],
  ['4', 'Houston', 1, 'Pediatric nurse, newly graduated. Speaks Spanish.'],
  ['5', 'Dallas', 9, 'Müller & Sons: welder, pipe fitter, steel frames.'],
];
const csv = (rows) =>
  ['person_id,city,years,resume', ...rows.map(([id, city, years, text]) => `${id},${city},${years},"${text}"`)].join('\n') + '\n';

async function ask(server, method, path, body) {
  const reply = await fetch(`${server.url}${path}`, {
    method,
    headers: body === undefined ? {} : { 'content-type': 'application/json' },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await reply.text();
  return { status: reply.status, body: text ? JSON.parse(text) : null };
}

async function upload(server, rows, mode = 'create', name = 'people') {
  const reply = await fetch(`${server.url}/ingest/file?name=${name}&mode=${mode}&file_name=${name}.csv`, { method: 'POST', body: csv(rows) });
  assert.ok(reply.ok, await reply.clone().text());
  await reply.json();
}

async function finished(server, id) {
  for (let i = 0; i < 600; i++) {
    const { body } = await ask(server, 'GET', `/vectors/jobs/${id}`);
    if (!['queued', 'running', 'waiting'].includes(body.state)) return body;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('the job does not end');
}

async function makeIndex(server, more = {}) {
  const made = await ask(server, 'POST', '/vectors/index', {
    name: 'people', dataset: 'people', id_column: 'person_id', text_column: 'resume', ...more,
  });
  assert.equal(made.status, 202, JSON.stringify(made.body));
  const job = await finished(server, made.body.job_id);
  assert.equal(job.state, 'done', JSON.stringify(job));
  return job;
}

const search = async (server, request) => {
  const reply = await ask(server, 'POST', '/vectors/search', { index: 'people', ...request });
  assert.equal(reply.status, 200, JSON.stringify(reply.body));
  return reply.body.hits.map((hit) => hit.doc_id);
};

test('words, meaning and both find the right person', async (t) => {
  const server = await startServer({ t });
  await upload(server, people);
  const job = await makeIndex(server);
  assert.equal(job.result.documents, 5);

  assert.deepEqual(await search(server, { query: 'C++', mode: 'text' }), ['3']);
  assert.deepEqual(await search(server, { query: 'mueller', mode: 'text' }), ['5']);
  assert.deepEqual((await search(server, { query: 'nurses', mode: 'text' })).sort(), ['1', '4']);
  assert.equal((await search(server, { query: 'intensiv care nursing', mode: 'vector' }))[0], '1');
  assert.equal((await search(server, { query: 'pediatric nurse' }))[0], '4');

  const whole = await ask(server, 'POST', '/vectors/search', { index: 'people', query: 'pediatric nurse', k: 2 });
  assert.equal(whole.body.mode, 'hybrid');
  const hit = whole.body.hits[0];
  assert.equal(Buffer.from(people[3][3]).subarray(hit.byte_start, hit.byte_end).toString(), hit.text);
  assert.equal(hit.vector_rank, 1);
  assert.equal(hit.text_rank, 1);

  const one = await ask(server, 'GET', '/vectors/indexes/people');
  assert.equal(one.body.ready, true);
  assert.equal(one.body.stale, false);
  assert.equal(one.body.model.dimensions, 384);
  assert.equal(one.body.generation.documents, 5);

  const vector = Array.from({ length: 384 }, (_, i) => (i % 7) - 3);
  assert.equal((await search(server, { vector, k: 3 })).length, 3);
});

test('a condition in SQL decides what may be answered', async (t) => {
  const server = await startServer({ t });
  await upload(server, people);
  await makeIndex(server);
  for (const mode of ['vector', 'text', 'hybrid']) {
    const found = await search(server, { query: 'nurse developer driver welder', mode, filter: "city = 'Dallas' -- only" });
    assert.deepEqual(found.sort(), ['2', '5'], mode);
  }
  assert.deepEqual(await search(server, { query: 'nurse', filter: 'years > 100' }), []);
  const wrong = await ask(server, 'POST', '/vectors/search', { index: 'people', query: 'nurse', filter: 'no_such > 1' });
  assert.equal(wrong.status, 400);
  assert.match(wrong.body.detail, /filter/);
});

test('a filter is one condition over the columns of its dataset, and reads nothing else', async (t) => {
  const server = await startServer({ t });
  await upload(server, people);
  await upload(server, people, 'create', 'placements');
  await makeIndex(server);
  for (const [filter, detail] of [
    ['1=0) UNION ALL SELECT person_id::VARCHAR, NULL FROM placements WHERE (1=1', /did not open/],
    ['1=0) OR (1=1', /did not open/],
    ['1=0 -- \r) OR (1=1', /did not open/],
    ['person_id IN (SELECT person_id FROM placements)', /query of its own/],
    ["person_id IN (FROM read_csv('/etc/passwd'))", /query of its own/],
    ["city = 'Dallas", /ends within/],
    ['', /empty/],
    ['body IS NULL', /body/],
    ["id = '1'", /id/],
    ['no_such > 1', /no_such/],
    ['years > 1 AND no_such > 1', /no_such/],
    ['placements.years > 1', /placements/],
    ['years >', /filter/],
  ]) {
    const { status, body } = await ask(server, 'POST', '/vectors/search', { index: 'people', query: 'nurse', filter });
    assert.equal(status, 400, `${filter}: ${JSON.stringify(body)}`);
    assert.match(body.detail, detail, filter);
    assert.doesNotMatch(JSON.stringify(body), /CAST|AS body|SELECT \*|LINE/, filter);
    if (filter.includes('no_such')) assert.equal(body.position, filter.indexOf('no_such') + 1, JSON.stringify(body));
  }
});

test('an index whose dataset was made again says what is missing, and answers no text of the old one', async (t) => {
  const server = await startServer({ t });
  await upload(server, people);
  await makeIndex(server);
  const drop = async () => {
    const { status, body } = await ask(server, 'DELETE', '/catalog/datasets/by-name/people');
    assert.ok(status < 300, JSON.stringify(body));
  };
  await drop();
  await upload(server, people.slice(0, 2).map(([id, city, years]) => [id, city, years, 'Nurse of another dataset.']));
  const again = await ask(server, 'POST', '/vectors/search', { index: 'people', query: 'nurse' });
  assert.equal(again.status, 200, JSON.stringify(again.body));
  assert.deepEqual(again.body.hits, []);
  assert.match(again.body.warning, /made again/);
  const refresh = await ask(server, 'POST', '/vectors/refresh/people', {});
  await finished(server, refresh.body.jobs[0].job_id);
  const fresh = await ask(server, 'POST', '/vectors/search', { index: 'people', query: 'nurse' });
  assert.deepEqual(fresh.body.hits.map((hit) => hit.text), Array(2).fill('Nurse of another dataset.'));
  assert.equal(fresh.body.warning, undefined);
  await drop();
  const other = await fetch(`${server.url}/ingest/file?name=people&mode=create&file_name=people.csv`, { method: 'POST', body: 'number,words\n1,nurse\n' });
  assert.ok(other.ok, await other.text());
  const wrong = await ask(server, 'POST', '/vectors/search', { index: 'people', query: 'nurse' });
  assert.equal(wrong.status, 409, JSON.stringify(wrong.body));
  assert.match(wrong.body.detail, /"people" has no column "person_id" any more/);
});

test('a refresh embeds what is new and changed and lets go what is gone', async (t) => {
  const server = await startServer({ t });
  await upload(server, people);
  await makeIndex(server);
  const idle = await ask(server, 'POST', '/vectors/refresh/people', {});
  assert.equal(idle.status, 202);
  assert.equal((await finished(server, idle.body.jobs[0].job_id)).result.changed, false);

  const now = people.filter(([id]) => id !== '2').map((row) => (row[0] === '4' ? ['4', 'Houston', 2, 'Astronaut and nurse.'] : row));
  now.push(['6', 'Dallas', 4, 'Beekeeper.']);
  await upload(server, now, 'replace');
  assert.deepEqual((await ask(server, 'GET', '/vectors/stale')).body.items.map((i) => i.name), ['people']);
  const again = await ask(server, 'POST', '/vectors/refresh/people', { index_name: 'people' });
  const job = await finished(server, again.body.jobs[0].job_id);
  assert.equal(job.state, 'done', JSON.stringify(job));
  assert.equal(job.result.unchanged, 3);
  assert.equal(job.result.chunks_embedded, 2);
  assert.deepEqual((await ask(server, 'GET', '/vectors/stale')).body.items, []);
  assert.deepEqual(await search(server, { query: 'forklift', mode: 'text' }), []);
  assert.deepEqual(await search(server, { query: 'astronaut', mode: 'text' }), ['4']);
  assert.deepEqual(await search(server, { query: 'pediatric', mode: 'text' }), []);
  assert.equal((await search(server, { query: 'beekeeper', mode: 'vector' }))[0], '6');
  assert.deepEqual((await search(server, { query: 'anyone', mode: 'vector', k: 100 })).sort(), ['1', '3', '4', '5', '6']);
});

test('on_append refreshes by itself', async (t) => {
  const server = await startServer({ t });
  await upload(server, people);
  await makeIndex(server, { refresh: 'on_append' });
  await upload(server, [['7', 'Waco', 5, 'Glassblower']], 'append');
  for (let i = 0; ; i++) {
    const found = await search(server, { query: 'glassblower', mode: 'text' });
    if (found.length === 1) break;
    assert.ok(i < 200, 'the new row is never found');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
});

test('two indexes over one dataset stand side by side and are compared', async (t) => {
  const server = await startServer({ t });
  await upload(server, people);
  await makeIndex(server);
  await makeIndex(server, { name: 'wide', dimensions: 768, backend: 'hnsw' });
  const listed = await ask(server, 'GET', '/vectors/indexes?source=people');
  assert.deepEqual(listed.body.items.map((i) => i.name), ['people', 'wide']);
  const compared = await ask(server, 'POST', '/vectors/compare', { a: 'people', b: 'wide', queries: ['nurse', 'C++ developer'], k: 3, mode: 'vector' });
  assert.equal(compared.status, 200, JSON.stringify(compared.body));
  assert.ok(compared.body.overlap > 0 && compared.body.overlap <= 1);
  assert.equal(compared.body.queries.length, 2);
  assert.deepEqual([compared.body.recall_a, compared.body.recall_b], [1, 1]);
  assert.deepEqual(compared.body.queries.map((q) => [q.recall_a, q.recall_b]), [[1, 1], [1, 1]]);
  for (const mode of ['text', 'hybrid']) {
    const { body } = await ask(server, 'POST', '/vectors/compare', { a: 'people', b: 'wide', queries: ['nurse'], mode });
    assert.deepEqual([body.recall_a, body.recall_b, body.queries[0].recall_a], [null, null, null], mode);
  }
  const short = await ask(server, 'POST', '/vectors/search', { index: 'wide', vector: [1, 2, 3] });
  assert.equal(short.status, 409);
  assert.match(short.body.detail, /3 dimensions.*768/);
  assert.match(short.body.hint, /index/);
});

test('a comparison tells which of the two misses what is near', async (t) => {
  const server = await startServer({ t });
  let seed = 7;
  const random = (n) => (seed = (seed * 48271) % 2147483647) % n;
  const words = Array.from({ length: 400 }, (_, i) => `w${(i * 7919).toString(36)}q`);
  const some = (count) => Array.from({ length: count }, () => words[random(400)]).join(' ');
  await upload(server, Array.from({ length: 4000 }, (_, i) => [`${i}`, 'Waco', 1, some(8)]));
  await makeIndex(server, { name: 'scan', backend: 'flat' });
  await makeIndex(server, { name: 'poor', backend: 'hnsw', m: 2, ef_construction: 10, ef_search: 10 });
  const request = { a: 'scan', b: 'poor', queries: Array.from({ length: 30 }, () => some(3)), k: 10, mode: 'vector' };
  const { body } = await ask(server, 'POST', '/vectors/compare', request);
  assert.ok(body.recall_a > 0.9 && body.recall_b < 0.8, JSON.stringify([body.overlap, body.recall_a, body.recall_b]));
  const mean = body.queries.reduce((sum, query) => sum + query.recall_b, 0) / 30;
  assert.ok(Math.abs(mean - body.recall_b) < 1e-9);
});

test('it survives a restart, a patch, and ends by DELETE', async (t) => {
  const dataDir = makeTemporaryFolder();
  const server = await startServer({ dataDir });
  await upload(server, people);
  await makeIndex(server);
  await server.stop();
  const second = await startServer({ t, dataDir });
  assert.deepEqual(await search(second, { query: 'welder', mode: 'text' }), ['5']);
  const patched = await ask(second, 'PATCH', '/vectors/indexes/people', { backend: 'hnsw', ef_search: 80 });
  assert.equal(patched.status, 200, JSON.stringify(patched.body));
  for (let i = 0; i < 200; i++) {
    const { body } = await ask(second, 'GET', '/vectors/indexes/people');
    if (body.generation.segments[0].backend === 'hnsw') break;
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.ok(i < 199, 'no rebuild');
  }
  assert.deepEqual(await search(second, { query: 'welder', mode: 'text' }), ['5']);
  const history = await ask(second, 'GET', '/vectors/indexes/people/history');
  assert.ok(history.body.items.length >= 4);
  assert.equal((await ask(second, 'DELETE', '/vectors/indexes/people')).status, 204);
  assert.equal((await ask(second, 'POST', '/vectors/search', { index: 'people', query: 'x' })).status, 404);
  const left = await ask(second, 'GET', '/storage/objects?prefix=_vectors/data/');
  assert.deepEqual(left.body.items, []);
  await makeIndex(second);
  assert.deepEqual(await search(second, { query: 'welder', mode: 'text' }), ['5']);
});

test('what is wrong is said', async (t) => {
  const server = await startServer({ t });
  await upload(server, people);
  const base = { dataset: 'people', id_column: 'person_id', text_column: 'resume' };
  for (const [change, status] of [
    [{ dataset: 'none' }, 404], [{ id_column: 'none' }, 404], [{ provider: 'none' }, 404], [{ name: 'Bad Name' }, 400],
    [{ dimensions: 100 }, 400], [{ backend: 'magic' }, 400], [{ refresh: 'scheduled' }, 400], [{ chunk_size: 0 }, 400], [{ odd: 1 }, 400],
  ]) {
    const reply = await ask(server, 'POST', '/vectors/index', { ...base, ...change });
    assert.equal(reply.status, status, JSON.stringify([change, reply.body]));
  }
  await makeIndex(server);
  assert.equal((await ask(server, 'POST', '/vectors/index', { ...base, name: 'people' })).status, 409);
  for (const [change, status] of [
    [{ index: 'none', query: 'x' }, 404], [{}, 400], [{ query: 'x', k: 0 }, 400], [{ query: 'x', mode: 'magic' }, 400],
    [{ query: '***', mode: 'text' }, 400], [{ vector: ['a'] }, 409], [{ query: 'x', weights: { vector: 0, text: 0 } }, 400],
  ]) {
    const reply = await ask(server, 'POST', '/vectors/search', { index: 'people', ...change });
    assert.equal(reply.status, status, JSON.stringify([change, reply.body]));
  }
});

test('rows without an id and ids that come twice are told, and progress ends at the total', async (t) => {
  const server = await startServer({ t });
  await upload(server, [...people, ['', 'Waco', 1, 'A baker.'], ['', 'Waco', 2, 'A pilot.'], ['5', 'Waco', 3, 'A second welder.']]);
  const job = await makeIndex(server);
  assert.deepEqual([job.result.documents, job.result.null_ids, job.result.duplicate_ids], [5, 2, 1]);
  assert.deepEqual([job.progress.done, job.progress.total], [8, 8]);
  const said = await runLakehouse(['index', 'refresh', 'people', '--rebuild', '--server', server.url]);
  assert.match(said.stdout, /5 documents, .*; 2 rows without an id and 1 row with an id that came before were left out/);
});

test('rows without an id are counted where deltas are merged', async (t) => {
  const server = await startServer({ t });
  const rows = people.map((row, i) => (i < 2 ? [row[0], '', ...row.slice(2)] : row));
  const made = await fetch(`${server.url}/ingest/file?name=people&primary_key=person_id&file_name=people.csv`, { method: 'POST', body: csv(rows) });
  assert.ok(made.ok, await made.text());
  const delta = await ask(server, 'POST', '/query/delta/people', [{ person_id: 1, city: 'Waco', years: 1, resume: 'A baker.' }]);
  assert.ok(delta.status < 300, JSON.stringify(delta));
  const job = await makeIndex(server, { id_column: 'city' });
  assert.deepEqual([job.result.documents, job.result.null_ids, job.result.duplicate_ids], [4, 1, 0]);
  assert.deepEqual([job.progress.done, job.progress.total], [5, 5]);
});

test('a refresh takes the fields that it knows, an index of its dataset, and a dataset that is there', async (t) => {
  const server = await startServer({ t });
  await upload(server, people);
  await upload(server, people, 'create', 'others');
  await makeIndex(server);
  await makeIndex(server, { name: 'others', dataset: 'others' });
  const refresh = (dataset, body) => ask(server, 'POST', `/vectors/refresh/${dataset}`, body);
  for (const body of [{ foo: 1 }, { index_nam: 'people' }, { dataset: 'others' }]) {
    const reply = await refresh('people', body);
    assert.equal(reply.status, 400, JSON.stringify([body, reply.body]));
  }
  assert.match((await refresh('people', { index_nam: 'people' })).body.hint, /index_name/);
  const columns = { id_column: 'person_id', text_column: 'resume' };
  for (const body of [{ index_name: 'others' }, { index_name: 'others', ...columns }, { index_name: 'none' }]) {
    const reply = await refresh('people', body);
    assert.equal(reply.status, 404, JSON.stringify([body, reply.body]));
  }
  const other = await refresh('people', { index_name: 'others' });
  assert.match(other.body.detail, /"others" is not over the dataset "people"/);
  assert.equal((await refresh('none', {})).status, 404);
  const made = await refresh('people', { index_name: 'second', chunk_unit: 'tokens', ...columns });
  assert.equal(made.status, 202, JSON.stringify(made.body));
  assert.equal((await finished(server, made.body.jobs[0].job_id)).state, 'done');
  assert.equal((await ask(server, 'DELETE', '/catalog/datasets/by-name/people')).status < 300, true);
  const gone = await refresh('people', {});
  assert.equal(gone.status, 404, JSON.stringify(gone.body));
});

test('a model that has changed its dimensions is told, with the way on', async (t) => {
  const models = await startModelServer(t);
  const config = `[ai]\nembedder = "ollama"\nembed_model = "embedder"\nollama_url = "${models.url}"\nretries = 0\n`;
  const server = await startServer({ t, config });
  await upload(server, people);
  await makeIndex(server);
  models.dimensions = 12;
  await upload(server, [['6', 'Dallas', 4, 'Beekeeper.']], 'append');
  const again = await ask(server, 'POST', '/vectors/refresh/people', {});
  const job = await finished(server, again.body.jobs[0].job_id);
  assert.equal(job.state, 'failed', JSON.stringify(job));
  assert.match(job.error.message, /now gives vectors of 12 dimensions instead of 8/);
  assert.match(job.error.hint, /POST \/vectors\/index/);
  assert.deepEqual((await search(server, { query: 'nurse', mode: 'text' })).sort(), ['1', '4'], 'what there was is searched');
  const asked = await ask(server, 'POST', '/vectors/search', { index: 'people', query: 'nurse', mode: 'vector' });
  assert.equal(asked.status, 409, JSON.stringify(asked.body));
  assert.match(asked.body.detail, /now gives vectors of 12 dimensions instead of 8/);
  assert.match(asked.body.hint, /POST \/vectors\/index/);
});

test('the command line makes, lists, refreshes and searches', async (t) => {
  const server = await startServer({ t });
  await upload(server, people);
  const run = (...args) => runLakehouse([...args, '--server', server.url]);
  const made = await run('index', 'create', 'people', '--id', 'person_id', '--text', 'resume');
  assert.equal(made.code, 0, made.stderr);
  assert.match(made.stdout, /5 documents/);
  assert.match((await run('index', 'list')).stdout, /people .*builtin .*384 .*5 documents .*fresh/);
  const found = await run('search', 'pediatric nurse', '--filter', 'years < 5');
  assert.equal(found.code, 0, found.stderr);
  assert.match(found.stdout, /^ 1 .* 4\n.*Pediatric nurse/);
  assert.match((await run('index', 'refresh', 'people')).stdout, /nothing has changed/);
  assert.equal((await run('index', 'create', 'people')).code, 2);
  assert.equal((await run('index', 'delete', 'people')).code, 0);
  assert.equal((await run('search', 'nurse')).code, 2);
});

test('Chinese, Japanese, Korean and Thai are found by words inside their sentences', async (t) => {
  const server = await startServer({ t });
  await upload(server, [
    ['1', '上海', 10, '注册护士，拥有十年重症监护室工作经验。曾在上海的医院工作。'],
    ['2', '東京', 10, '看護師として東京都立病院に10年勤務。夜勤専従。'],
    ['3', '서울', 7, '간호사는 서울대학교병원 중환자실에서 7년간 근무했습니다.'],
    ['4', 'กรุงเทพ', 10, 'พยาบาลวิชาชีพมีประสบการณ์ห้องผู้ป่วยหนักสิบปีในกรุงเทพ'],
    ['5', '大阪', 5, 'ソフトウェアエンジニア。C++とＪａｖａの経験があります。'],
  ]);
  await makeIndex(server);
  for (const [query, id] of [
    ['护士', '1'], ['重症监护', '1'], ['谁有重症监护的经验？', '1'], ['看護師', '2'], ['東京　看護', '2'], ['간호사', '3'], ['대학교병원 간호사', '3'],
    ['พยาบาล', '4'], ['ประสบการณ์', '4'], ['ｴﾝｼﾞﾆｱ', '5'], ['C++ java', '5'], ['阪', null],
  ]) {
    assert.equal((await search(server, { query, mode: 'text' }))[0], id ?? undefined, query);
    if (id) assert.equal((await search(server, { query }))[0], id, `${query}, both`);
  }
});
