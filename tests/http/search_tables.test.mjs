// Searches as tables in SQL, and an index's chunks as one.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startServer } from '../lib/server.mjs';

const people = [
  [1, 'Austin', 12, 'Registered nurse. Ten years of intensive care in Austin hospitals.'],
  [2, 'Dallas', 3, 'Forklift driver and warehouse clerk. Night shifts.'],
  [3, 'Austin', 7, 'Senior C++ developer. Databases, storage engines, search.'],
  [4, 'Houston', 1, 'Pediatric nurse, newly graduated. Speaks Spanish.'],
  [5, 'Dallas', 9, "Welder, pipe fitter. O'Brien's right hand."],
];
const csv = (rows) => ['id,city,years,resume', ...rows.map(([id, city, years, text]) => `${id},${city},${years},"${text}"`)].join('\n') + '\n';

let server;
before(async () => {
  server = await startServer({ env: { LAKEHOUSE__QUERY__WORKERS: '2' } });
  await upload('people', people);
  await makeIndex({ name: 'people', dataset: 'people', id_column: 'id', text_column: 'resume' });
});
after(() => server.stop());

async function post(path, body) {
  const reply = await fetch(`${server.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return { status: reply.status, ...(await reply.json()) };
}

async function upload(name, rows, mode = 'create', more = '') {
  const reply = await fetch(`${server.url}/ingest/file?name=${name}&mode=${mode}&file_name=${name}.csv${more}`, { method: 'POST', body: csv(rows) });
  assert.ok(reply.ok, await reply.text());
}

async function finished(id) {
  for (let i = 0; i < 600; i++) {
    const job = await (await fetch(`${server.url}/vectors/jobs/${id}`)).json();
    if (!['queued', 'running', 'waiting'].includes(job.state)) return assert.equal(job.state, 'done', JSON.stringify(job));
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('the job does not end');
}

async function makeIndex(definition) {
  const made = await post('/vectors/index', definition);
  assert.equal(made.status, 202, JSON.stringify(made));
  await finished(made.job_id);
}

const refresh = async (dataset, more = {}) => {
  const started = await post(`/vectors/refresh/${dataset}`, more);
  for (const job of started.jobs) await finished(job.job_id);
};

const ask = (sql, more = {}) => post('/query/sql', { sql, ...more });

async function rows(sql, more) {
  const answer = await ask(sql, more);
  assert.equal(answer.status, 200, `${sql}: ${answer.detail} ${answer.hint}`);
  return answer.rows;
}

test('a search is a table with typed columns', async () => {
  assert.deepEqual(await rows("DESCRIBE FROM hybrid_search('people', 'nurse')").then((all) => all.map((row) => row.slice(0, 2))), [
    ['doc_id', 'BIGINT'], ['chunk_id', 'BIGINT'], ['score', 'DOUBLE'], ['rank', 'BIGINT'], ['similarity', 'DOUBLE'],
    ['vector_rank', 'BIGINT'], ['text_rank', 'BIGINT'], ['rerank_score', 'DOUBLE'], ['page', 'BIGINT'], ['heading', 'VARCHAR'],
    ['byte_start', 'BIGINT'], ['byte_end', 'BIGINT'], ['chunk_text', 'VARCHAR'],
  ]);
  assert.deepEqual(await rows("SELECT doc_id FROM text_search('people', 'nurses') ORDER BY doc_id"), [[1], [4]]);
  assert.deepEqual(await rows("SELECT doc_id, rank, chunk_text FROM vector_search('people', 'pediatric nurse', 1)"), [[4, 1, people[3][3]]]);
  const [[score, similarity, vectorRank, textRank]] = await rows(
    "SELECT score, similarity, vector_rank, text_rank FROM hybrid_search('people', 'pediatric nurse', 1)",
  );
  assert.ok(score > 0 && similarity > 0 && vectorRank === 1 && textRank === 1);
  const over = await post('/vectors/search', { index: 'people', query: 'nurse driver', k: 5 });
  assert.deepEqual(
    await rows("SELECT doc_id::VARCHAR, score FROM hybrid_search('people', 'nurse driver', 5) ORDER BY rank"),
    over.hits.map((hit) => [hit.doc_id, hit.score]),
  );
});

test('it stands wherever a table stands', async () => {
  for (const [sql, expected] of [
    ["SELECT r.city, s.score > 0 FROM text_search('people', 'pediatric', 20) s JOIN people r ON r.id = s.doc_id", [['Houston', true]]],
    ["SELECT text_search.doc_id FROM text_search('people','welder')", [[5]]],
    ["SELECT a.doc_id, b.doc_id FROM text_search('people', 'welder') a, text_search('people', 'pediatric') b", [[5, 4]]],
    ["WITH hits AS (FROM TEXT_SEARCH('people', 'nurse', 10)) SELECT count(*) FROM hits", [[2]]],
    ["SELECT city FROM people WHERE id IN (SELECT doc_id FROM text_search('people', 'forklift'))", [['Dallas']]],
    ["SELECT count(*) FROM (SELECT 1) x LEFT JOIN /* here */ text_search ( 'people' , 'nobody has this' ) s ON true", [[1]]],
    ["SELECT count(*) FROM text_search('people', 'O''Brien')", [[1]]],
    ["SELECT count(*) FROM text_search('people', $$O'Brien$$)", [[1]]],
    ["SELECT 'FROM text_search(''x'', 1)' AS t", [["FROM text_search('x', 1)"]]],
    ["SELECT doc_id FROM text_search('people', 'nurse', k := 5, filter => 'years > 5')", [[1]]],
    ["SELECT doc_id FROM text_search('people', 'nurse', 5, 'years < 5')", [[4]]],
    ["SELECT doc_id FROM text_search('people', 'welder', 5, NULL)", [[5]]],
    ["SELECT doc_id FROM hybrid_search('people', 'welder', 1, vector_weight := 0, text_weight := 2)", [[5]]],
    ["SELECT count(*) FROM vector_search('people', 'welder', k := 3, ef_search := 50)", [[3]]],
    ["SELECT doc_id, rerank_score > 0 FROM vector_search('people', 'pediatric nurse', 1, rerank := TRUE, rerank_depth := 5)", [[4, true]]],
    ["SELECT count(rerank_score) FROM vector_search('people', 'pediatric nurse', rerank := false)", [[0]]],
    [`SELECT count(*) FROM vector_search('people', [${Array.from({ length: 384 }, (_, i) => ((i % 7) - 3) * 1e-7)}]::FLOAT[384], 4)`, [[4]]],
  ])
    assert.deepEqual(await rows(sql), expected, sql);
  const plan = await post('/query/explain', { sql: "FROM text_search('people', 'nurse')" });
  assert.equal(plan.status, 200);
  assert.match(plan.plan, /JSON/);
});

test('arguments may be parameters', async () => {
  const vector = Array.from({ length: 384 }, (_, i) => (i % 5) - 2);
  for (const [sql, params, expected] of [
    ['SELECT doc_id FROM text_search(?, ?)', ['people', 'welder'], [[5]]],
    ['SELECT ? AS a, doc_id, ? AS b FROM text_search(?, ?, ?) WHERE doc_id < ?', [7, 8, 'people', 'nurse', 10, 3], [[7, 1, 8]]],
    ["SELECT $1 AS words, doc_id FROM text_search('people', $1) WHERE doc_id > $2", ['nurse', 2], [['nurse', 4]]],
    ["SELECT $3 AS c, $1 AS a FROM text_search('people', $2)", ['a', 'welder', 'c'], [['c', 'a']]],
    ['SELECT $keep AS kept FROM text_search($index, $words, $k)', { index: 'people', words: 'welder', k: 3, keep: 'x' }, [['x']]],
    ["SELECT $words AS w FROM text_search('people', $words)", { words: 'welder' }, [['welder']]],
    ["SELECT count(*) FROM vector_search('people', $1, 2)", [vector], [[2]]],
    ["SELECT count(*) FROM text_search('people', 'welder', ?, ?)", [5, null], [[1]]],
  ])
    assert.deepEqual(await rows(sql, { params }), expected, sql);
  const missing = await ask("FROM text_search('people', $2)", { params: ['x'] });
  assert.equal(missing.status, 400);
  assert.match(missing.detail, /argument 2 of text_search is parameter \$2, for which no value was given/);
  const extra = await ask("FROM text_search('people', $1)", { params: ['x', 'y'] });
  assert.equal(extra.status, 400);
});

test('what is wrong is said, and where', async () => {
  for (const [sql, status, detail, marked] of [
    ["FROM text_search('persons', 'x')", 404, /there is no index "persons"/, "'persons'"],
    ["FROM text_search('people', 'x', 0)", 400, /k must be from 1 to 1000/, '0'],
    ["FROM text_search('people', 'x', 1001)", 400, /k must be from 1 to 1000/, '1001'],
    ["FROM text_search('people', 'x', 'many')", 400, /k must be from 1 to 1000/, "'many'"],
    ["FROM text_search('people', 'x', 5, 'no_such > 1')", 400, /filter.*no_such/s, "'no_such > 1'"],
    ["FROM people p, text_search('people', p.resume)", 400, /argument 2 of text_search must be a literal or a parameter/, 'p.resume'],
    ["FROM text_search('people', 'a' || 'b')", 400, /argument 2 of text_search must be a literal/, "'a' ||"],
    ["FROM text_search('people', E'a')", 400, /argument 2/, "E'a'"],
    ["FROM text_search('people')", 400, /takes an index, what to search for, and k/, 'text_search'],
    ["FROM text_search('people', 'x', 5, 'TRUE', 6)", 400, /takes an index, what to search for, k and a filter/, '6)'],
    ["FROM text_search('people', 'x', nope := 6)", 400, /nope/, '6)'],
    ["FROM text_search('people', 'x', 5, k := 6)", 400, /given `k` twice/, '6)'],
    ["SELECT text_search('people', 'x')", 400, /text_search\(\) is a table: it stands behind FROM or JOIN/, 'text_search'],
    ["FROM text_search('people', 'x') AT (VERSION => 1)", 400, /an index has no past/, 'AT'],
    ["FROM vector_search('people', [1, 2])", 409, /2 dimensions/, 'vector_search'],
    ["FROM text_search('people', [1, 2])", 400, /needs `query`/, 'text_search'],
    ["FROM text_search('people', 'x', 5", 400, /argument 3/, '5'],
  ]) {
    const answer = await ask(sql);
    assert.equal(answer.status, status, `${sql}: ${JSON.stringify(answer)}`);
    assert.match(answer.detail, detail, sql);
    assert.equal(answer.position, sql.indexOf(marked) + 1, `${sql}: ${answer.detail}`);
  }
  assert.match((await ask("FROM text_search('persons', 'x')")).hint, /people/);
  const past = await ask("FROM text_search('people', 'x')", { as_of: 1 });
  assert.equal(past.status, 400);
  assert.match(past.detail, /an index has no past/);
  const many = await ask(`SELECT 1 FROM ${Array.from({ length: 17 }, (_, i) => `text_search('people', 'x') s${i}`).join(', ')}`);
  assert.match(many.detail, /more than 16 searches/);
});

test('statements with filtered searches do not wait for each other', async () => {
  const all = await Promise.all(
    Array.from({ length: 12 }, (_, i) => rows(`SELECT count(*) FROM text_search('people', 'nurse', 5, 'years > ${-i}')`)),
  );
  assert.deepEqual(all, Array(12).fill([[2]]));
});

test('chunks are a table of the index, live ones only', async () => {
  await upload('staff', people, 'create', '&primary_key=id');
  await makeIndex({ name: 'my-staff', dataset: 'staff', id_column: 'id', text_column: 'resume', chunk_size: 40, overlap: 0 });
  assert.deepEqual((await rows('DESCRIBE chunks."my-staff"')).map((row) => row.slice(0, 2)), [
    ['doc_id', 'BIGINT'], ['chunk_id', 'INTEGER'], ['chunk_text', 'VARCHAR'], ['page', 'INTEGER'], ['byte_start', 'BIGINT'],
    ['byte_end', 'BIGINT'], ['heading', 'VARCHAR'], ['content_hash', 'VARCHAR'], ['vector', 'FLOAT[384]'],
  ]);
  assert.deepEqual(await rows('SELECT count(DISTINCT doc_id), count(*) > 5, min(length(content_hash)) FROM CHUNKS."My-Staff"'), [[5, true, 64]]);
  assert.deepEqual(
    await rows("SELECT s.doc_id FROM chunks.people c JOIN vector_search('people', 'pediatric nurse', 1) s USING (doc_id, chunk_id)"), [[4]],
  );
  // Similar by SQL alone: the nearest neighbour of a chunk is itself.
  assert.deepEqual(
    await rows('SELECT b.doc_id FROM chunks.people a, chunks.people b WHERE a.doc_id = 3 ORDER BY array_cosine_distance(a.vector, b.vector) LIMIT 1'), [[3]],
  );
  // Changed and new documents make a second segment with dead rows in the first.
  const more = Array.from({ length: 30 }, (_, i) => [100 + i, 'Reno', i, `Carpenter number ${i}.`]);
  await upload('staff', more, 'append');
  await refresh('staff');
  await upload('staff', [[2, 'Dallas', 4, 'Crane operator now.']], 'append');
  await refresh('staff');
  const [[files]] = await rows(`SELECT count(*) FROM glob('${server.dataDir}/objects/_vectors/data/my-staff/*/chunks.parquet')`);
  assert.ok(files >= 2, 'a second segment');
  assert.deepEqual(await rows('SELECT DISTINCT chunk_text FROM chunks."my-staff" WHERE doc_id = 2'), [['Crane operator now.']]);
  assert.deepEqual(await rows('SELECT count(DISTINCT doc_id) FROM chunks."my-staff"'), [[35]]);
  // What was erased since the refresh is not answered, by either.
  const gone = await post('/catalog/datasets/staff/tombstone', { row_keys: [1], reason: 'asked' });
  assert.ok(gone.status < 300, JSON.stringify(gone));
  assert.deepEqual(await rows('SELECT count(*) FROM chunks."my-staff" WHERE doc_id = 1'), [[0]]);
  assert.deepEqual(await rows("SELECT doc_id FROM text_search('my-staff', 'nurse')"), [[4]]);

  const unknown = await ask('FROM chunks.nothing');
  assert.equal(unknown.status, 404);
  assert.match(unknown.detail, /there is no index "nothing"/);
  assert.equal((await ask('FROM chunks.people', { as_of: 1 })).status, 400);
  // A dataset or a column of that name keeps its meaning.
  await upload('chunks', people.slice(0, 1));
  assert.deepEqual(await rows('SELECT chunks.id FROM chunks'), [[1]]);
  assert.deepEqual(await rows("SELECT chunks.a FROM (SELECT {'a': 7} AS chunks)"), [[7]]);
});

test('refreshes meanwhile cost no statement anything', async () => {
  const first = Array.from({ length: 200 }, (_, i) => [i, 'Reno', i, `Carpenter number ${i}.`]);
  await upload('crew', first, 'create', '&primary_key=id');
  await makeIndex({ name: 'crew', dataset: 'crew', id_column: 'id', text_column: 'resume' });
  let done = false;
  let asked = 0;
  const reader = async (sql, least) => {
    while (!done) {
      const [[count]] = await rows(sql);
      assert.ok(count >= least, `${sql}: ${count}`);
      asked++;
    }
  };
  const readers = Promise.all([
    reader('SELECT count(DISTINCT doc_id) FROM chunks.crew', 200),
    reader("SELECT count(*) FROM text_search('crew', 'carpenter', 50) s JOIN crew ON crew.id = s.doc_id AND crew.resume = s.chunk_text", 50),
    reader("SELECT count(*) FROM vector_search('crew', 'carpenter', 20, 'years >= 0') s JOIN chunks.crew c USING (doc_id, chunk_id)", 20),
  ]);
  for (let round = 0; round < 4; round++) {
    await upload('crew', [[500 + round, 'Reno', 1, `Carpenter in round ${round}.`]], 'append');
    await refresh('crew', { index_name: 'crew', rebuild: round % 2 === 1 });
  }
  done = true;
  await readers;
  assert.ok(asked >= 6, `${asked} statements while it was refreshed`);
  assert.deepEqual(await rows('SELECT count(DISTINCT doc_id) FROM chunks.crew'), [[204]]);
  const [[left]] = await rows(`SELECT count(*) FROM glob('${server.dataDir}/tmp/system/*/*')`);
  assert.equal(left, 0, 'files of statements that ended');
});
