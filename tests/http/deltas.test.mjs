// Rows on top of rows: upserts by file and by request, appends, columns that come and widen, refusals, replays.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { makeTemporaryFolder, removeFolder, runLakehouse, startServer } from './server.mjs';

async function ask(server, method, route, body, headers = {}) {
  const response = await fetch(`${server.url}${route}`, { method, body, headers });
  return { status: response.status, body: await response.json() };
}

const json = { 'content-type': 'application/json' };
const ndjson = { 'content-type': 'application/x-ndjson' };
const ingest = (server, text, fields) =>
  ask(server, 'POST', `/ingest/file?${new URLSearchParams({ file_name: 'rows.csv', ...fields })}`, text, { 'content-type': 'text/csv' });
const delta = (server, name, rows, { query = '', headers = {} } = {}) =>
  ask(server, 'POST', `/query/delta/${name}${query}`, typeof rows === 'string' ? rows : JSON.stringify(rows), { ...json, ...headers });

async function sql(server, text) {
  const { status, body } = await ask(server, 'POST', '/query/sql', JSON.stringify({ sql: text }), json);
  assert.equal(status, 200, JSON.stringify(body));
  return body.rows;
}

async function manifest(server, name) {
  return (await ask(server, 'GET', `/catalog/datasets/by-name/${name}`)).body;
}

function ok(answer, status = 200) {
  assert.equal(answer.status, status, JSON.stringify(answer.body));
  return answer.body;
}

function refused(answer, status, pattern) {
  assert.equal(answer.status, status, JSON.stringify(answer.body));
  assert.match(answer.body.detail, pattern);
}

test('a keyed dataset has one row a key, the newest', async (t) => {
  const server = await startServer({ t });
  const made = ok(await ingest(server, 'id,name,at\n1,a,2024-01-01\n2,b,2024-01-02\n1,c,2024-01-03\n', { name: 'people', mode: 'upsert', primary_key: 'id' }), 201);
  assert.equal(made.row_count, 2);
  assert.equal(made.superseded_count, 1);
  assert.deepEqual(await sql(server, 'SELECT id, name, CAST("at" AS VARCHAR) FROM people ORDER BY id'), [[1, 'c', '2024-01-03'], [2, 'b', '2024-01-02']]);

  // Append is the same there; a file again after others were written is written again.
  ok(await ingest(server, 'name,id\nB,2\nd,3\n', { name: 'people', mode: 'append' }), 201);
  assert.deepEqual(await sql(server, 'SELECT id, name, "at" IS NULL FROM people ORDER BY id'), [[1, 'c', false], [2, 'B', true], [3, 'd', true]]);
  const again = 'id,name\n2,again\n';
  ok(await ingest(server, again, { name: 'people', mode: 'upsert' }), 201);
  assert.equal(ok(await ingest(server, again, { name: 'people', mode: 'upsert' })).deduplicated, true);
  ok(await delta(server, 'people', [{ id: 2, name: 'other' }]));
  assert.equal(ok(await ingest(server, again, { name: 'people', mode: 'upsert' }), 201).deduplicated, false);
  assert.deepEqual(await sql(server, 'SELECT name FROM people WHERE id = 2'), [['again']]);

  const m = await manifest(server, 'people');
  assert.deepEqual(m.primary_key, ['id']);
  assert.deepEqual(m.files.map((f) => f.role).filter((role) => role !== 'changes'), ['base', 'delta', 'delta', 'delta', 'delta']);
  assert.deepEqual(m.files.map((f) => f.sequence), m.files.map((f) => f.added_version));

  // Replacing keeps the key, and holds the new file to it.
  ok(await ingest(server, 'id,name\n7,x\n7,y\n', { name: 'people', mode: 'replace' }), 201);
  assert.deepEqual(await sql(server, 'SELECT id, name FROM people'), [[7, 'y']]);
});

test('keys must be there, and be the dataset’s', async (t) => {
  const server = await startServer({ t });
  refused(await ingest(server, 'id,v\n1,2\n', { name: 'k', mode: 'upsert' }), 400, /primary key/);
  refused(await ingest(server, 'a,b,v\n1,x,2\n2,,3\n', { name: 'k', mode: 'create', primary_key: 'a,b' }), 400, /row 2 .*"b"/);
  refused(await ingest(server, 'a,v\n1,2\n', { name: 'k', mode: 'create', primary_key: '["a","b"]' }), 400, /no column "b"/);
  ok(await ingest(server, 'a,b,v\n1,x,2\n1,y,3\n', { name: 'k', mode: 'create', primary_key: 'a,b' }), 201);
  refused(await ingest(server, 'a,b,v\n1,x,9\n', { name: 'k', mode: 'upsert', primary_key: 'a' }), 409, /another primary key/);
  refused(await delta(server, 'k', [{ a: 1, b: 'x', v: 5 }, { a: 1, v: 6 }]), 400, /row 2 .*"b"/);
  refused(await delta(server, 'k', [{ a: 1 }]), 400, /no column "b"/);
  ok(await delta(server, 'k', [{ a: 1, b: 'y', v: 5 }, { b: 'y', v: 6, a: 1 }]));
  assert.deepEqual(await sql(server, 'SELECT b, v FROM k ORDER BY b'), [['x', 2], ['y', 6]]);

  ok(await ingest(server, 'a\n1\n1\n', { name: 'plain' }), 201);
  refused(await ingest(server, 'a\n2\n', { name: 'plain', mode: 'upsert' }), 409, /no primary key/);
});

test('a primary key is held against the rows before it is set', async (t) => {
  const server = await startServer({ t });
  const patch = (name, key) => ask(server, 'PATCH', `/catalog/datasets/by-name/${name}/metadata`, JSON.stringify({ primary_key: key }), json);
  ok(await ingest(server, 'a,b,c\n1,x,\n1,y,2\n2,x,3\n', { name: 't' }), 201);
  refused(await patch('t', ['a']), 409, /2 rows .*\[1\]/);
  refused(await patch('t', ['a', 'c']), 409, /1 rows .*"c"/);
  refused(await patch('t', ['zz']), 400, /zz/);
  ok(await patch('t', ['a', 'b']));
  ok(await patch('t', ['b', 'a']));
  ok(await delta(server, 't', [{ a: 1, b: 'x', c: 9 }]));
  ok(await patch('t', ['b', 'a']));
  refused(await patch('t', []), 409, /merges/);
  refused(await patch('t', ['c']), 409, /merges/);
  assert.deepEqual(await sql(server, 'SELECT c FROM t ORDER BY c'), [[2], [3], [9]]);

  ok(await ask(server, 'PUT', '/storage/objects/twice.parquet', Buffer.from(await (await fetch(`${server.url}/query/sql`, {
    method: 'POST',
    headers: { ...json, accept: 'application/vnd.apache.parquet' },
    body: JSON.stringify({ sql: 'SELECT 1 AS id UNION ALL SELECT 1' }),
  })).arrayBuffer())), 201);
  refused(await ask(server, 'POST', '/catalog/datasets', JSON.stringify({ name: 'r', keys: ['twice.parquet'], primary_key: ['id'] }), json), 409, /\[1\]/);
});

test('rows in a request take the types of the dataset', async (t) => {
  const server = await startServer({ t });
  ok(await ask(server, 'PUT', '/storage/objects/typed.parquet', Buffer.from(await (await fetch(`${server.url}/query/sql`, {
    method: 'POST',
    headers: { ...json, accept: 'application/vnd.apache.parquet' },
    body: JSON.stringify({ sql: `SELECT 1::INTEGER AS id, 1.50::DECIMAL(9,2) AS price, DATE '2024-02-29' AS day, TIMESTAMP '2024-01-01' AS ts, {'a': 1, 'b': 'x'} AS s, [1, 2]::SMALLINT[] AS l, true AS f` }),
  })).arrayBuffer())), 201);
  ok(await ask(server, 'POST', '/catalog/datasets', JSON.stringify({ name: 'typed', keys: ['typed.parquet'], primary_key: ['id'] }), json), 201);
  ok(await delta(server, 'typed', [
    { id: 2, price: 2.25, day: '2024-03-01', ts: '2024-01-02T03:04:05', l: [3], s: null, f: false },
    { id: 3, price: 7, day: null, l: null, extra: 'new' },
  ]));
  assert.deepEqual(await sql(server, `SELECT id, CAST(price AS VARCHAR), CAST(day AS VARCHAR), CAST(ts AS VARCHAR), l, f, extra FROM typed ORDER BY id`), [
    [1, '1.50', '2024-02-29', '2024-01-01 00:00:00', [1, 2], true, null],
    [2, '2.25', '2024-03-01', '2024-01-02 03:04:05', [3], false, null],
    [3, '7.00', null, null, null, null, 'new'],
  ]);
  const types = Object.fromEntries((await manifest(server, 'typed')).columns.map((c) => [c.name, c.type]));
  assert.equal(types.id, 'INTEGER');
  assert.equal(types.price, 'DECIMAL(9,2)');
  assert.equal(types.l, 'SMALLINT[]');
  assert.equal(types.extra, 'VARCHAR');

  // Widened where it can be; refused with row and column where it cannot; text where the caller says so.
  ok(await delta(server, 'typed', [{ id: 5_000_000_000 }]));
  assert.equal((await manifest(server, 'typed')).columns[0].type, 'BIGINT');
  refused(await delta(server, 'typed', [{ id: 4, price: 1.25 }, { id: 5, price: 1.255 }]), 409, /row 2: .*"price"/);
  refused(await delta(server, 'typed', [{ id: 4, day: '2024-01-01' }, { id: 5, day: 'soon' }]), 409, /row 2: .*"day"/);
  assert.deepEqual(await sql(server, 'SELECT count(*) FROM typed'), [[4]]);
  ok(await delta(server, 'typed', [{ id: 5, day: 'soon' }], { query: '?misfits=text' }));
  assert.deepEqual(await sql(server, 'SELECT id, day FROM typed ORDER BY id'), [[1, '2024-02-29'], [2, '2024-03-01'], [3, null], [5, 'soon'], [5e9, null]]);
});

test('without a primary key rows are added', async (t) => {
  const server = await startServer({ t });
  ok(await ingest(server, 'a,b\n1,x\n', { name: 'log' }), 201);
  assert.equal(ok(await delta(server, 'log', '{"a":1,"b":"x"}\n{"b":"y","c":{"d":2.5}}\n', { headers: ndjson })).mode, 'append');
  assert.deepEqual(await sql(server, 'SELECT a, b, c_d FROM log ORDER BY ALL'), [[1, 'x', null], [1, 'x', null], [null, 'y', 2.5]]);
  refused(await delta(server, 'log', '{"a":1}\n{"a":\n{"a":3}\n', { headers: ndjson }), 422, /line 2/);
  refused(await delta(server, 'log', '[{"a":1},'), 422, /line 1/);
  refused(await delta(server, 'log', ''), 400, /empty/);
  refused(await delta(server, 'log', '[]'), 422, /no record/);
  refused(await delta(server, 'log', '['.repeat(100_000)), 422, /nested/);
  refused(await delta(server, 'nothing', [{ a: 1 }]), 404, /nothing/);
  refused(await delta(server, 'log', 'a,b', { headers: { 'content-type': 'text/csv' } }), 415, /text\/csv/);
  refused(await delta(server, 'log', [{ a: 1 }], { query: '?misfits=perhaps' }), 400, /misfits/);
  assert.deepEqual(await sql(server, 'SELECT count(*) FROM log'), [[3]]);
});

test('an idempotency key writes once', async (t) => {
  const server = await startServer({ t });
  ok(await ingest(server, 'id,v\n1,1\n', { name: 'kv', primary_key: 'id' }), 201);
  const headers = { 'idempotency-key': 'one' };
  const first = ok(await delta(server, 'kv', [{ id: 1, v: 2 }], { headers }));
  ok(await delta(server, 'kv', [{ id: 1, v: 3 }]));
  const second = ok(await delta(server, 'kv', [{ id: 1, v: 2 }], { headers }));
  assert.equal(second.replayed, true);
  assert.equal(second.version, first.version);
  assert.equal(second.row_count, 1);
  refused(await delta(server, 'kv', [{ id: 1, v: 4 }], { headers }), 409, /idempotency/i);
  assert.deepEqual(await sql(server, 'SELECT v FROM kv'), [[3]]);
});

test('many writers at one time: every row is there, and the lineage stays short', async (t) => {
  const server = await startServer({ t });
  ok(await ingest(server, 'id,v\n0,0\n', { name: 'kv', primary_key: 'id' }), 201);
  await Promise.all(Array.from({ length: 8 }, async (_, writer) => {
    for (let i = 0; i < 5; i++) ok(await delta(server, 'kv', [{ id: 1 + writer * 5 + i, v: writer }, { id: 1000, v: i }]));
  }));
  assert.deepEqual(await sql(server, 'SELECT count(*), sum(v) FILTER (WHERE id < 1000) FROM kv'), [[42, 140]]);
  const m = await manifest(server, 'kv');
  assert.equal(m.lineage.length, 2);
  assert.equal(m.lineage[1].row_count, 80);
});

test('the command line writes rows from a file and from standard input', async (t) => {
  const folder = makeTemporaryFolder();
  t.after(() => removeFolder(folder));
  const data = path.join(folder, 'lake');
  writeFileSync(path.join(folder, 'p.csv'), 'id,v\n1,one\n2,two\n');
  writeFileSync(path.join(folder, 'd.ndjson'), '{"id":2,"v":"zwei"}\n{"id":3,"v":"drei"}\n');
  const run = async (args, stdin) => {
    const result = await runLakehouse([...args, '--data', data], { stdin });
    assert.equal(result.code, 0, result.stderr);
    return result.stdout;
  };
  await run(['ingest', path.join(folder, 'p.csv'), '--name', 'p', '--mode', 'upsert', '--primary-key', 'id']);
  assert.match(await run(['delta', 'p', path.join(folder, 'd.ndjson')]), /upsert of 2 rows/);
  assert.match(await run(['delta', 'p', '-'], '[{"id":1,"v":"eins","note":"x"}]'), /new column: note/);
  assert.match(await run(['sql', '-c', "SELECT string_agg(v, ' ' ORDER BY id) AS s FROM p"]), /eins zwei drei/);
});

test('a file of rows that do not fit: refused with row and column, or text where the caller says so', async (t) => {
  const server = await startServer({ t });
  ok(await ingest(server, 'id,n,day\n1,10,2024-01-01\n2,20,2024-01-02\n', { name: 'base', primary_key: 'id' }), 201);
  const misfits = 'id,n,day\n3,30,2024-01-03\n4,many,soon\n';
  for (const mode of ['append', 'upsert'])
    refused(await ingest(server, misfits, { name: 'base', mode }), 409, /row 2: .*"n".*BIGINT/);
  refused(await ingest(server, misfits, { name: 'base', mode: 'upsert', misfits: 'perhaps' }), 400, /misfits/);
  ok(await ingest(server, misfits, { name: 'base', mode: 'upsert', misfits: 'text' }), 201);
  assert.deepEqual(await sql(server, 'SELECT id, n, day FROM base ORDER BY id'), [
    [1, '10', '2024-01-01'], [2, '20', '2024-01-02'], [3, '30', '2024-01-03'], [4, 'many', 'soon'],
  ]);

  // As a field of a form, and on the command line.
  ok(await ingest(server, 'n\n1\n', { name: 'form' }), 201);
  const form = new FormData();
  form.append('misfits', 'text');
  form.append('mode', 'append');
  form.append('name', 'form');
  form.append('file', new Blob(['n\nx\n']), 'form.csv');
  ok(await ask(server, 'POST', '/ingest/file', form), 201);
  assert.deepEqual(await sql(server, 'SELECT n FROM form ORDER BY 1'), [['1'], ['x']]);
  ok(await ingest(server, 'n\n2\n', { name: 'cli' }), 201);
  const file = path.join(server.dataDir, 'cli.csv');
  writeFileSync(file, 'n\ny\n');
  const refusal = await runLakehouse(['ingest', file, '--mode', 'append', '--server', server.url]);
  assert.notEqual(refusal.code, 0);
  assert.match(refusal.stderr, /row 1: .*"n"[^]*misfits=text/);
  assert.equal((await runLakehouse(['ingest', file, '--mode', 'append', '--misfits', 'text', '--server', server.url])).code, 0);
  assert.deepEqual(await sql(server, 'SELECT n FROM cli ORDER BY 1'), [['2'], ['y']]);
});

test('whole numbers become DOUBLE only where each of them is exact there', async (t) => {
  const server = await startServer({ t });
  const type = async (name, column) => (await manifest(server, name)).columns.find((c) => c.name === column).type;
  ok(await ingest(server, `id,n\n1,${2n ** 53n}\n2,-${2n ** 53n}\n`, { name: 'fits', primary_key: 'id' }), 201);
  ok(await delta(server, 'fits', [{ id: 3, n: 0.5 }]));
  assert.equal(await type('fits', 'n'), 'DOUBLE');
  assert.deepEqual(await sql(server, 'SELECT id, CAST(n AS VARCHAR) FROM fits ORDER BY id'), [[1, '9007199254740992.0'], [2, '-9007199254740992.0'], [3, '0.5']]);

  // By a file, many rows, no key, and more than one column.
  ok(await ingest(server, 'a,b\n1,2\n3,4\n', { name: 'file' }), 201);
  ok(await ingest(server, 'b,a\n1.5,2.5\n', { name: 'file', mode: 'append' }), 201);
  assert.deepEqual(await sql(server, 'SELECT a, b FROM file ORDER BY a'), [[1, 2], [2.5, 1.5], [3, 4]]);

  // 2^53 + 1 is no DOUBLE, also where another row hides it, for that one may go again.
  ok(await ingest(server, `id,n\n1,${2n ** 53n + 1n}\n2,7\n`, { name: 'large', primary_key: 'id' }), 201);
  refused(await delta(server, 'large', [{ id: 3, n: 0.5 }]), 409, /"n" of "large" is BIGINT.* 9007199254740993 exactly/);
  refused(await ingest(server, 'id,n\n3,0.5\n', { name: 'large', mode: 'upsert' }), 409, /9007199254740993/);
  ok(await delta(server, 'large', [{ id: 1, n: 1 }]));
  refused(await delta(server, 'large', [{ id: 3, n: 0.5 }]), 409, /9007199254740993/);
  assert.equal(await type('large', 'n'), 'BIGINT');
  ok(await delta(server, 'large', [{ id: 3, n: 0.5 }], { query: '?misfits=text' }));
  assert.equal(await type('large', 'n'), 'VARCHAR');
  assert.deepEqual(await sql(server, 'SELECT id, n FROM large ORDER BY id'), [[1, '1'], [2, '7'], [3, '0.5']]);

  // A key is a row's name: 1 must not become 1.0.
  refused(await delta(server, 'fits', [{ id: 1.5, n: 1 }]), 409, /"id"/);
  // Larger whole numbers have a decimal that holds both.
  ok(await delta(server, 'file', '[{"a": 1, "c": 9223372036854775807}]'));
  ok(await delta(server, 'file', '[{"a": 1, "c": 92233720368547758070}]'));
  assert.equal(await type('file', 'c'), 'DECIMAL(38,0)');
  assert.deepEqual(await sql(server, 'SELECT CAST(c AS VARCHAR) FROM file WHERE c IS NOT NULL ORDER BY c'), [['9223372036854775807'], ['92233720368547758070']]);
});

test('Parquet files are written in the types of the dataset, so that files read together lose nothing', async (t) => {
  const server = await startServer({ t });
  const add = async (name, select, fields) => {
    const made = await fetch(`${server.url}/query/sql`, { method: 'POST', headers: { ...json, accept: 'application/vnd.apache.parquet' }, body: JSON.stringify({ sql: select }) });
    assert.equal(made.status, 200);
    return ask(server, 'POST', `/ingest/file?${new URLSearchParams({ file_name: 'rows.parquet', name, ...fields })}`, Buffer.from(await made.arrayBuffer()));
  };
  // A FLOAT beside an INTEGER would make both FLOAT, which has no 16777217.
  ok(await add('numbers', 'SELECT 1 AS id, 1::DOUBLE AS n', { primary_key: 'id' }), 201);
  ok(await add('numbers', 'SELECT 2 AS id, 16777217::INTEGER AS n', { mode: 'upsert' }), 201);
  ok(await add('numbers', 'SELECT 3 AS id, 0.5::FLOAT AS n', { mode: 'upsert' }), 201);
  assert.deepEqual(await sql(server, 'SELECT id, n FROM numbers ORDER BY id'), [[1, 1], [2, 16777217], [3, 0.5]]);
  ok(await add('words', `SELECT 1 AS id, 'x' AS n`, { primary_key: 'id' }), 201);
  ok(await add('words', 'SELECT 2 AS id, 9007199254740993 AS n', { mode: 'upsert' }), 201);
  ok(await add('words', 'SELECT 3 AS id, 0.5::DOUBLE AS n', { mode: 'upsert' }), 201);
  ok(await add('words', 'SELECT 4 AS id, true AS n', { mode: 'upsert' }), 201);
  assert.deepEqual(await sql(server, 'SELECT n FROM words ORDER BY id'), [['x'], ['9007199254740993'], ['0.5'], ['true']]);
  refused(await add('numbers', `SELECT 4 AS id, 'many' AS n`, { mode: 'upsert' }), 409, /row 1: .*"n"/);
  refused(await add('words', `SELECT 5 AS id, [1] AS n`, { mode: 'upsert', misfits: 'text' }), 409, /"n"/);
  ok(await add('numbers', `SELECT 4 AS id, 'many' AS n`, { mode: 'upsert', misfits: 'text' }), 201);
  assert.deepEqual(await sql(server, 'SELECT n FROM numbers ORDER BY id'), [['1.0'], ['16777217.0'], ['0.5'], ['many']]);
});

test('an upsert tells what is new, what changed and what did not; the dataset how many rows it has', async (t) => {
  const server = await startServer({ t, config: '[journal]\nrow_history_max_rows = 4\n' });
  const counts = ({ inserted, updated, unchanged }) => [inserted, updated, unchanged];
  const live = async (query = '') => ok(await ask(server, 'GET', `/catalog/datasets/by-name/people${query}`)).live_row_count;
  assert.deepEqual(counts(ok(await ingest(server, 'id,v\n1,a\n2,b\n3,c\n', { name: 'people', primary_key: 'id' }), 201)), [3, 0, 0]);
  assert.equal(await live(), 3);
  assert.deepEqual(counts(ok(await delta(server, 'people', [{ id: 1, v: 'a' }, { id: 2, v: 'B' }, { id: 9, v: 'z' }]))), [1, 1, 1]);
  assert.deepEqual(counts(ok(await ingest(server, 'id,v\n3,C\n10,y\n', { name: 'people', mode: 'upsert' }), 201)), [1, 1, 0]);
  assert.equal((await manifest(server, 'people')).row_count, 8);
  assert.equal(await live(), null);
  assert.equal(await live('?count=exact'), 5);
  ok(await ask(server, 'POST', '/catalog/datasets/people/tombstone', JSON.stringify({ row_keys: [1, 9] }), json));
  assert.equal(await live('?count=exact'), 3);
  assert.equal(await live('?count=exact&as_of=1'), 3);
  refused(await ask(server, 'GET', '/catalog/datasets/by-name/people?count=some'), 400, /exact/);

  // More rows than the history tells are not compared; a replay does not know either.
  const many = Array.from({ length: 5 }, (_, i) => ({ id: i, v: 'm' }));
  assert.deepEqual(counts(ok(await delta(server, 'people', many))), [null, null, null]);
  const headers = { 'idempotency-key': 'k' };
  assert.deepEqual(counts(ok(await delta(server, 'people', [{ id: 1, v: 'k' }], { headers }))), [0, 1, 0]);
  assert.deepEqual(counts(ok(await delta(server, 'people', [{ id: 1, v: 'k' }], { headers }))), [null, null, null]);

  // Without a key all rows are new.
  ok(await ingest(server, 'v\n1\n', { name: 'log' }), 201);
  assert.deepEqual(counts(ok(await delta(server, 'log', [{ v: 1 }, { v: 2 }]))), [2, 0, 0]);
  assert.deepEqual(counts(ok(await ingest(server, 'v\n7\n', { name: 'log', mode: 'replace' }), 201)), [null, null, null]);
});

const parquet = async (server, select) => Buffer.from(await (await fetch(`${server.url}/query/sql`, {
  method: 'POST',
  headers: { ...json, accept: 'application/vnd.apache.parquet' },
  body: JSON.stringify({ sql: select }),
})).arrayBuffer());

/* A dataset of one row in the types of a SELECT. */
async function typed(server, name, select, key) {
  ok(await ask(server, 'PUT', `/storage/objects/${name}.parquet`, await parquet(server, select)), 201);
  ok(await ask(server, 'POST', '/catalog/datasets', JSON.stringify({ name, keys: [`${name}.parquet`], ...(key && { primary_key: [key] }) }), json), 201);
}

test('a decimal keeps the digits of the JSON number, or is refused', async (t) => {
  const server = await startServer({ t });
  await typed(server, 'd', `SELECT 0::INTEGER AS id, 0::DECIMAL(18,4) AS price, 0::DECIMAL(18,3) AS q, 0::DECIMAL(38,10) AS wide, 0::DECIMAL(9,0) AS whole`, 'id');
  const cases = [
    ['price', '12345678901234.5678', '12345678901234.5678'],
    ['q', '9999999999999.999', '9999999999999.999'],
    ['q', '999999999999999.999', '999999999999999.999'],
    ['q', '-999999999999999.999', '-999999999999999.999'],
    ['q', '1.5e0', '1.500'],
    ['q', '1.5E+2', '150.000'],
    ['q', '99999999999999999e-2', '999999999999999.990'],
    ['q', '-12345678901234567.8e-2', '-123456789012345.678'],
    ['q', '0.00000123400e6', '1.234'],
    ['q', '1e-3', '0.001'],
    ['q', '0e-999', '0.000'],
    ['q', '-0.0', '0.000'],
    ['q', '"1.50"', '1.500'],
    ['q', '"999999999999999.9990000"', '999999999999999.999'],
    ['wide', '1234567890123456789012345678.0123456789', '1234567890123456789012345678.0123456789'],
    ['whole', '7.0', '7'],
  ];
  const bad = ['0.0001', '1000000000000000', '1e15', '1e-4', '1.2345', '1e999', '1e1000', '"x"', '""', '" 1"', '"NaN"', 'true', '"1,5"', '"."', '"-"', '"e1"', '".e1"', '"-e1"', '"1e"', '"0x10"', '"1_0"'];
  const write = { delta: (text) => delta(server, 'd', text), ndjson: (text) => ingest(server, text, { name: 'd', mode: 'upsert', file_name: 'd.ndjson' }),
    json: (text) => ingest(server, `[${text.trim().split('\n')}]`, { name: 'd', mode: 'append', file_name: 'd.json' }) };
  for (const [at, [how, send]] of Object.entries(write).entries()) {
    // By request each alone, in a column of its own kind; by file all together.
    const id = (i) => at * 100 + i + 1;
    const lines = cases.map(([column, literal], i) => `{"id":${id(i)},"${column}":${literal}}\n`);
    if (how === 'delta')
      for (const line of lines)
        ok(await send(`[${line}]`));
    else
      ok(await send(lines.join('')), 201);
    for (const [i, [column, , digits]] of cases.entries())
      assert.deepEqual(await sql(server, `SELECT CAST(${column} AS VARCHAR) FROM d WHERE id = ${id(i)}`), [[digits]], `${how} ${cases[i]}`);
    for (const literal of bad) {
      const rows = ['{"id":90,"q":1.5}', `{"id":91,"q":${literal}}`];
      refused(await send(how === 'delta' ? `[${rows}]` : rows.map((row) => `${row}\n`).join('')), 409, /row 2: .*"q" is no DECIMAL\(18,3\)/);
    }
  }
  assert.match((await delta(server, 'd', '[{"id":1,"q":0.0001}]')).body.hint, /misfits=text/);
  ok(await delta(server, 'd', '[{"id":1,"q":0.123456789012345678901}]', { query: '?misfits=text' }));
  assert.deepEqual(await sql(server, 'SELECT q FROM d WHERE id = 1'), [['0.123456789012345678901']]);

  // A key is another row's as soon as a digit changes.
  await typed(server, 'k', `SELECT 1.5::DECIMAL(18,3) AS k, 'a' AS v`, 'k');
  ok(await delta(server, 'k', '[{"k":99999999999999.999,"v":"b"},{"k":99999999999999.998,"v":"c"},{"k":150e-2,"v":"d"},{"k":"1.50","v":"e"}]'));
  assert.deepEqual(await sql(server, 'SELECT CAST(k AS VARCHAR), v FROM k ORDER BY k'), [['1.500', 'e'], ['99999999999999.998', 'c'], ['99999999999999.999', 'b']]);

  // Fields of a CSV file too: as DOUBLE, 12345678.1234567 would end in ...6992.
  await typed(server, 'c', 'SELECT 0 AS id, 0::DECIMAL(18,10) AS d', 'id');
  ok(await ingest(server, 'id,d\n1,12345678.1234567\n2,1.5e2\n', { name: 'c', mode: 'upsert' }), 201);
  ok(await ingest(server, 'id;d\n3;1.234.567,1234567\n4;0,5\n', { name: 'c', mode: 'upsert' }), 201);
  const many = Array.from({ length: 200000 }, (_, i) => `${i + 10},12345678.1234567\n`).join('');
  ok(await ingest(server, `id,d\n${many}`, { name: 'c', mode: 'upsert' }), 201);
  assert.deepEqual(await sql(server, 'SELECT CAST(d AS VARCHAR), count(*) FROM c GROUP BY 1 ORDER BY min(id)'), [
    ['0.0000000000', 1], ['12345678.1234567000', 200001], ['150.0000000000', 1], ['1234567.1234567000', 1], ['0.5000000000', 1]]);
});

test('random decimals of every width and scale come back digit by digit', async (t) => {
  const server = await startServer({ t });
  let seed = 20261121;
  const random = (n) => { seed = (seed * 1103515245 + 12345) % 2147483648; return Math.floor(seed / 2147483648 * n); };
  const shapes = Array.from({ length: 38 }, (_, i) => [i + 1, random(i + 2)]);
  await typed(server, 'r', `SELECT -1 AS id, ${shapes.map(([p, s], c) => `0::DECIMAL(${p},${s}) AS c${c}`)}`, 'id');
  /* The digits, written with and without an exponent, a quote, zeros behind. */
  const literal = (digits, scale) => {
    const sign = random(2) ? '-' : '';
    const all = digits.padStart(scale + 1, '0');
    const whole = all.slice(0, all.length - scale).replace(/^0+(?=\d)/, ''), part = all.slice(all.length - scale);
    const plain = scale ? `${whole}.${part}` : whole;
    const bare = digits.replace(/^0+(?=\d)/, '');
    const text = sign + [plain, plain, `${bare}e-${scale}`, `0.${'0'.repeat(3)}${digits}E+${digits.length - scale + 3}`, `${plain}${scale ? '' : '.'}000`][random(5)].replace('E+-', 'E-');
    return { text: random(4) ? text : `"${text}"`, value: (/[1-9]/.test(digits) ? sign : '') + plain };
  };
  const rows = Array.from({ length: 100 }, () => shapes.map(([p, s]) => literal(Array.from({ length: 1 + random(p) }, () => random(10)).join(''), s)));
  const text = (id, row) => `{"id":${id},${row.map((cell, c) => `"c${c}":${cell.text}`)}}`;
  ok(await delta(server, 'r', `[${rows.slice(0, 50).map((row, i) => text(i, row))}]`));
  ok(await ingest(server, rows.slice(50).map((row, i) => `${text(i + 50, row)}\n`).join(''), { name: 'r', mode: 'upsert', file_name: 'r.ndjson' }), 201);
  const got = await sql(server, `SELECT ${shapes.map((_, c) => `CAST(c${c} AS VARCHAR)`)} FROM r WHERE id >= 0 ORDER BY id`);
  // DuckDB writes a DECIMAL(p,p) without the zero before its point.
  const norm = (value) => value.replace(/^(-?)\./, '$10.');
  rows.forEach((row, i) => row.forEach((cell, c) => assert.equal(norm(got[i][c]), cell.value, `${shapes[c]} ${cell.text}`)));
});

test('NaN and the infinities are written as they are read', async (t) => {
  const server = await startServer({ t });
  await typed(server, 'f', `SELECT 0.0::DOUBLE AS k, 0.0::DOUBLE AS d, 0.0::FLOAT AS f, '' AS t`, 'k');
  ok(await delta(server, 'f', [{ k: 1, d: 'NaN', f: '-Infinity', t: 'NaN' }, { k: 'Infinity', d: 2, f: 0.5 }, { k: 'NaN', d: '-Infinity', f: 'NaN' }]));
  ok(await ingest(server, '{"k":"NaN","d":"Infinity"}\n{"k":2,"f":"Infinity"}\n', { name: 'f', mode: 'upsert', file_name: 'f.ndjson' }), 201);
  assert.deepEqual(await sql(server, 'SELECT k, d, f, t FROM f ORDER BY k'), [
    [0, 0, 0, ''], [1, 'NaN', '-Infinity', 'NaN'], [2, null, 'Infinity', null], ['Infinity', 2, 0.5, null], ['NaN', 'Infinity', null, null]]);
  for (const word of ['+Infinity', '-NaN', 'INFINITY', ' NaN', 'NAN', 'x'])
    for (const column of ['d', 'f'])
      refused(await delta(server, 'f', [{ k: 1, [column]: word }]), 409, new RegExp(`"${column}" is no`));
  // Without a column that is a number they are text.
  ok(await ingest(server, '{"a":"NaN"}\n{"a":"Infinity"}\n', { name: 'words', file_name: 'words.ndjson' }), 201);
  assert.equal((await manifest(server, 'words')).columns[0].type, 'VARCHAR');
});
