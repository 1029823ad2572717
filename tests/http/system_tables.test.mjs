// Tables about the lake itself, and past versions named inside a statement.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startServer, runLakehouse, makeTemporaryFolder } from './server.mjs';

let server;
const folder = makeTemporaryFolder();

before(async () => {
  server = await startServer({ dataDir: folder, env: { LAKEHOUSE__JOURNAL__FLUSH_INTERVAL: '1h' } });
  await ingest('people', 'id,mail\n1,a@example.com\n2,b@example.com\n', 'create');
  await ingest('people', 'id,mail\n3,c@example.com\n', 'append');
  await ingest('system', 'events,datasets\n1,2\n', 'create'); // a dataset of that name changes nothing
});
after(() => server.stop());

async function ingest(name, csv, mode) {
  const reply = await fetch(`${server.url}/ingest/file?name=${name}&mode=${mode}&file_name=${name}.csv`, {
    method: 'POST',
    headers: { 'content-type': 'text/csv' },
    body: csv,
  });
  assert.equal(reply.status < 300, true, await reply.text());
}

async function ask(sql, more = {}) {
  const reply = await fetch(`${server.url}/query/sql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ sql, ...more }),
  });
  return { status: reply.status, ...(await reply.json()) };
}

async function rows(sql, more) {
  const answer = await ask(sql, more);
  assert.equal(answer.status, 200, `${sql}: ${answer.detail} ${answer.hint}`);
  return answer.rows;
}

test('datasets, files and columns are those of the catalog', async () => {
  assert.deepEqual(await rows('SELECT name, row_count, column_count FROM system.datasets ORDER BY name'), [
    ['people', 3, 2],
    ['system', 1, 2],
  ]);
  assert.deepEqual(await rows("SELECT role, row_count FROM system.files WHERE dataset = 'people' ORDER BY added_version"), [
    ['base', 2],
    ['base', 1],
  ]);
  assert.deepEqual(await rows("SELECT position, name, type, flags FROM system.columns WHERE dataset = 'people' ORDER BY ALL"), [
    [1, 'id', 'BIGINT', []],
    [2, 'mail', 'VARCHAR', ['email']],
  ]);
});

test('they are named as tables are', async () => {
  const one = [[2]];
  for (const sql of [
    'SELECT count(*) FROM system.datasets',
    'SELECT count(datasets.name) FROM system.datasets',
    'SELECT count(system.datasets.name) FROM system.datasets WHERE system.datasets.id IS NOT NULL',
    'SELECT count(d.name) FROM "system"."datasets" AS d',
    'SELECT count(*) FROM SYSTEM . /* here */ DataSets',
    'WITH datasets AS (FROM system.datasets) SELECT count(*) FROM datasets',
    'SELECT count(*) FROM (SELECT 1) AS x, system.datasets',
    'SELECT n FROM (SELECT count(*) AS n FROM (system.datasets JOIN system.columns AS c ON c.dataset = datasets.name AND position = 1))',
    "SELECT count(*) FROM system.datasets WHERE 'FROM system.files AT (VERSION => 1)' <> name -- system.errors",
  ])
    assert.deepEqual(await rows(sql), one, sql);
  assert.deepEqual((await rows('DESCRIBE system.errors')).map((row) => row[0]), [
    'ts', 'bucket', 'operation', 'key', 'code', 'message', 'request_id',
  ]);
});

test('a column or a dataset named system keeps its meaning', async () => {
  assert.deepEqual(await rows('SELECT events, system.datasets FROM system'), [[1, 2]]);
  assert.deepEqual(await rows("SELECT system.files FROM (SELECT {'files': 7} AS system)"), [[7]]);
  assert.deepEqual(await rows("SELECT 1, system.files FROM (SELECT {'files': 7} AS system)"), [[1, 7]]);
  const unknown = await ask('FROM system.nothing');
  assert.equal(unknown.status, 400);
});

test('nothing stale is read', async () => {
  const count = async () => (await rows("SELECT row_count FROM system.datasets WHERE name = 'grows'"))[0]?.[0];
  assert.equal(await count(), undefined);
  for (let i = 1; i <= 5; i++) {
    await ingest('grows', `n\n${i}\n`, i === 1 ? 'create' : 'append');
    assert.equal(await count(), i);
  }
  const version = (await rows("SELECT version FROM system.datasets WHERE name = 'grows'"))[0][0];
  assert.deepEqual(await rows("SELECT row_count FROM system.datasets WHERE name = 'grows'", { as_of: version - 1 }), [[4]]);
  const hidden = await ask("FROM query('FROM lh_sys.datasets')"); // what the statement before named is gone
  assert.equal(hidden.status, 400);
});

test('events are those of the files and those that wait', async () => {
  const ids = async () => (await rows('SELECT id FROM system.events ORDER BY id')).map((row) => row[0]);
  const waiting = await ids();
  assert.ok(waiting.length > 0);
  await fetch(`${server.url}/journal/flush`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' });
  assert.deepEqual(await ids(), waiting);
  await ingest('later', 'n\n1\n', 'create');
  const all = await ids();
  assert.ok(all.length > waiting.length);
  assert.equal(new Set(all).size, all.length);
  assert.deepEqual(await rows("SELECT entity_id, actor FROM system.events WHERE entity_id = 'later'"), [
    ['later', 'local'],
  ]);
  const plan = await fetch(`${server.url}/query/explain`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ sql: "FROM system.events WHERE entity_id = 'later' AND ts > TIMESTAMPTZ '2020-01-01'" }),
  });
  assert.match((await plan.json()).plan, /READ_PARQUET[^]*Filters:[^]*entity_id/); // reaches the files
});

test('statements see themselves and those before', async () => {
  const [[sql, state]] = await rows("SELECT sql, state FROM system.queries WHERE sql LIKE '%myself%'");
  assert.match(sql, /myself/);
  assert.equal(state, 'running');
  await ask('SELECT no_such_column -- wrong');
  await rows('SELECT unnest(range(3)) -- right');
  assert.deepEqual(
    await rows("SELECT state, row_count, bytes > 0, error, principal FROM system.queries WHERE sql LIKE 'SELECT unnest%'"),
    [['done', 3, true, null, 'local']],
  );
  assert.deepEqual(await rows("SELECT state, error FROM system.queries WHERE sql LIKE '%-- wrong'"), [['failed', 'sql']]);
});

test('errors and jobs are tables too', async () => {
  assert.deepEqual(await rows('SELECT count(*) FROM system.errors'), [[0]]);
  assert.equal((await rows('SELECT count(*) FROM system.jobs'))[0][0] >= 0, true);
});

test('a statement leaves no files behind', async () => {
  const { readdirSync } = await import('node:fs');
  await rows('SELECT count(*) FROM system.files, system.events');
  await ask('SELECT nothing FROM system.files');
  assert.deepEqual(readdirSync(`${folder}/tmp/system`), []);
});

test('past versions inside a statement', async () => {
  const versions = (await (await fetch(`${server.url}/catalog/datasets/people/versions`)).json()).items;
  const [second, first] = versions;
  const at = (moment) => `people AT (${moment})`;
  const then = `VERSION => ${first.version}`;
  assert.deepEqual(await rows(`SELECT count(*) FROM ${at(then)}`), [[2]]);
  assert.deepEqual(await rows(`SELECT count(people.id) FROM ${at(then)}`), [[2]]);
  assert.deepEqual(await rows(`SELECT count(*) FROM people at/**/( version=>${first.version})AS p WHERE p.id > 1`), [[1]]);
  assert.deepEqual(await rows(`SELECT count(*) FROM ${at(`TIMESTAMP => '${first.at}'`)}`), [[2]]);
  assert.deepEqual(await rows(`SELECT count(*) FROM ${at(`TIMESTAMP => TIMESTAMPTZ '${second.at}'`)}`), [[3]]);
  assert.deepEqual(
    await rows(`WITH old AS (FROM ${at(then)}) SELECT n.id FROM people AS n ANTI JOIN old USING (id), "people" AT (VERSION => ${second.version}) AS s WHERE s.id = 3`),
    [[3]],
  );
  assert.deepEqual(await rows("SELECT 'people AT (VERSION => 1)' -- people AT (VERSION => 1)"), [['people AT (VERSION => 1)']]);
  assert.deepEqual(await rows("SELECT TIMESTAMPTZ '2026-01-01T00:00:00Z' AT TIME ZONE 'UTC' IS NOT NULL"), [[true]]);
  const cases = [
    [`FROM later AT (VERSION => ${first.version})`, 404, /no dataset "later"/],
    ['FROM people AT (VERSION => 99999)', 404, /99999/],
    ["FROM people AT (TIMESTAMP => 'yesterday')", 400, /yesterday/],
    ['FROM people AT (VERSION => 1 + 1)', 400, /VERSION/],
    ['FROM people AT (VERSION => $1)', 400, /number of a catalog version/],
    ["FROM people AT (TIMESTAMP => 'x\"; DROP')", 400, /time/],
  ];
  for (const [sql, status, detail] of cases) {
    const answer = await ask(sql);
    assert.equal(answer.status, status, `${sql}: ${answer.detail}`);
    assert.match(answer.detail, detail);
  }
  // Positions in errors are those of the text as it was sent.
  const wrong = await ask(`SELECT nothing FROM ${at(then)} WHERE wrong_column = 1`);
  assert.match(wrong.detail, /ELECT nothing FROM people AT .* WHERE wrong_column = 1/);
});

test('the command line asks the same', async () => {
  await server.stop();
  const run = await runLakehouse(['sql', '--data', folder, '--csv', '-c', 'SELECT count(*) AS n FROM system.datasets']);
  assert.equal(run.stdout.replaceAll('\r', ''), 'n\n4\n', run.stderr);
  server = await startServer({ dataDir: folder });
});
