// Compaction and vacuum: the rows stay, the files become few, the past goes when it is told to, and what is missing is told
// apart from what was vacuumed.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { makeTemporaryFolder, removeFolder, runLakehouse, startServer } from '../lib/server.mjs';

const quiet = { LAKEHOUSE__MAINTENANCE__COMPACT: 'false', LAKEHOUSE__MAINTENANCE__VACUUM: 'false' };

async function ask(server, method, route, body) {
  const reply = await fetch(server.url + route, {
    method,
    body: body === undefined ? undefined : JSON.stringify(body),
    headers: body === undefined ? {} : { 'content-type': 'application/json' },
  });
  const text = await reply.text();
  return { status: reply.status, ...(text ? JSON.parse(text) : {}) };
}

async function sql(server, statement, asOf) {
  const answer = await ask(server, 'POST', '/query/sql', { sql: statement, as_of: asOf });
  assert.equal(answer.status, 200, JSON.stringify(answer));
  return answer.rows;
}

async function ingest(server, name, csv, mode = 'append', more = '') {
  const reply = await fetch(`${server.url}/ingest/file?name=${name}&mode=${mode}&file_name=${name}.csv${more}`, {
    method: 'POST',
    headers: { 'content-type': 'text/csv' },
    body: csv,
  });
  assert.ok(reply.status < 300, await reply.text());
}

async function ended(server, started) {
  assert.equal(started.status, 202, JSON.stringify(started));
  for (let tries = 0; tries < 600; tries++) {
    const job = await ask(server, 'GET', `/jobs/${started.job_id}`);
    if (!['queued', 'running', 'waiting'].includes(job.state)) return job;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.fail('the job did not end');
}

async function compact(server, body) {
  const job = await ended(server, await ask(server, 'POST', '/query/compact', body));
  assert.equal(job.state, 'done', JSON.stringify(job));
  return job.result;
}

async function vacuum(server, body = {}) {
  const job = await ended(server, await ask(server, 'POST', '/catalog/vacuum', body));
  assert.equal(job.state, 'done', JSON.stringify(job));
  return job.result;
}

const dataset = (server, name) => ask(server, 'GET', `/catalog/datasets/by-name/${name}`);
const filesBelow = (server, name) => readdirSync(path.join(server.dataDir, 'objects/datasets', name, 'base'));

async function twelveFiles(server, name = 'people') {
  for (let i = 0; i < 12; i++) await ingest(server, name, `id,name\n${i * 2},a${i}\n${i * 2 + 1},b${i}\n`, i ? 'append' : 'create');
}

test('small files become one; the rows and the past stay', async (t) => {
  const server = await startServer({ t, env: quiet });
  await twelveFiles(server);
  const before = await dataset(server, 'people');
  assert.equal(before.files.length, 12);
  const result = await compact(server, { dataset: 'people' });
  assert.equal(result.files_in, 12);
  assert.equal(result.files_out, 1);
  const after = await dataset(server, 'people');
  assert.equal(after.files.length, 1);
  assert.equal(after.row_count, 24);
  assert.equal(after.files[0].sequence, Math.max(...before.files.map((f) => f.sequence)));
  assert.deepEqual(await sql(server, 'SELECT count(*), sum(id) FROM people'), [[24, 276]]);
  assert.deepEqual(await sql(server, 'SELECT count(*) FROM people', before.version), [[24]]);
  const nothing = await compact(server, { dataset: 'people' });
  assert.equal(nothing.steps, 0);
  const history = await ask(server, 'GET', '/journal/history/people');
  assert.equal(history.items.at(-1).action, 'compact');
});

test('rows in the order of a column', async (t) => {
  const server = await startServer({ t, env: quiet });
  await ingest(server, 'shuffled', `n\n${Array.from({ length: 1000 }, (_, i) => (i * 617) % 1000).join('\n')}\n`, 'create');
  await compact(server, { dataset: 'shuffled', sort_by: 'n' });
  const rows = (await sql(server, 'SELECT n FROM shuffled')).map(([n]) => n);
  assert.deepEqual(rows, [...rows].sort((a, b) => a - b));
  const odd = await ask(server, 'POST', '/query/compact', { dataset: 'shuffled', sort_by: 'm' });
  assert.equal(odd.status, 400);
  const missing = await ask(server, 'POST', '/query/compact', { dataset: 'nobody' });
  assert.equal(missing.status, 404);
});

test('vacuum: a dry run tells, then the past is gone and says so', async (t) => {
  const server = await startServer({ t, env: quiet });
  await twelveFiles(server);
  const { version } = await dataset(server, 'people');
  await compact(server, { dataset: 'people' });
  const kept = await ask(server, 'POST', '/catalog/vacuum', { dry_run: true });
  assert.deepEqual([kept.status, kept.files], [200, 0], 'the retention is a week');
  const dry = await ask(server, 'POST', '/catalog/vacuum', { dry_run: true, retention_hours: 0 });
  assert.equal(dry.files, 12);
  assert.equal(dry.items.length, 12);
  assert.equal(filesBelow(server, 'people').length, 13);
  const result = await vacuum(server, { retention_hours: 0 });
  assert.equal(result.files, 12);
  assert.equal(filesBelow(server, 'people').length, 1);
  assert.deepEqual(await sql(server, 'SELECT count(*) FROM people'), [[24]]);
  for (const gone of [
    await ask(server, 'POST', '/query/sql', { sql: 'SELECT count(*) FROM people', as_of: version }),
    await ask(server, 'GET', `/catalog/datasets/by-name/people?as_of=${version}`),
    await ask(server, 'GET', `/catalog/datasets/by-name/people?as_of=${version}&count=exact`),
  ]) {
    assert.equal(gone.status, 410, JSON.stringify(gone));
    assert.equal(gone.code, 'gone');
    assert.match(gone.hint, /maintenance\.retention/);
  }
  const look = await ask(server, 'GET', '/catalog/maintenance');
  assert.equal(look.horizon.version, result.horizon_version);
  assert.equal(look.horizon.complete, true);
  assert.equal((await vacuum(server, { retention_hours: 0 })).files, 0);
  for (const hours of [-1, 1e9]) {
    const odd = await ask(server, 'POST', '/catalog/vacuum', { retention_hours: hours });
    assert.equal(odd.status, 400);
  }
});

test('a past version that a statement has read and a vacuum removed spoils no later statement', async (t) => {
  const server = await startServer({ t, env: quiet });
  await twelveFiles(server);
  const { version } = await dataset(server, 'people');
  const past = `SELECT count(*) FROM people AT (VERSION => ${version})`;
  assert.deepEqual(await sql(server, past), [[24]]);
  await compact(server, { dataset: 'people' });
  await vacuum(server, { retention_hours: 0 });
  for (let round = 0; round < 3; round++) {
    assert.deepEqual(await sql(server, 'SELECT count(*) FROM people'), [[24]]);
    assert.deepEqual(await sql(server, 'SELECT 1'), [[1]]);
    assert.equal((await ask(server, 'POST', '/query/sql', { sql: past })).status, 410);
  }
});

test('what is missing in the newest version is damage, not vacuumed', async (t) => {
  const server = await startServer({ t, env: quiet });
  await twelveFiles(server);
  await compact(server, { dataset: 'people' });
  await vacuum(server, { retention_hours: 0 });
  const { files } = await dataset(server, 'people');
  rmSync(path.join(server.dataDir, 'objects', files[0].key));
  const answer = await ask(server, 'POST', '/query/sql', { sql: 'SELECT count(*) FROM people' });
  assert.equal(answer.code, 'corrupt');
});

test('a deleted dataset and a crashed writer leave nothing for ever; a registered object stays', async (t) => {
  const server = await startServer({ t, env: { ...quiet, LAKEHOUSE__MAINTENANCE__ORPHAN_AGE: '1s' } });
  await ingest(server, 'a', 'id\n1\n', 'create');
  const parquet = await fetch(`${server.url}/query/sql`, {
    method: 'POST',
    headers: { accept: 'application/vnd.apache.parquet', 'content-type': 'application/json' },
    body: JSON.stringify({ sql: 'SELECT 7 AS n' }),
  });
  await fetch(`${server.url}/storage/objects/mine/seven.parquet`, { method: 'PUT', body: await parquet.arrayBuffer() });
  const registered = await ask(server, 'POST', '/catalog/datasets', { name: 'mine', keys: ['mine/seven.parquet'] });
  assert.equal(registered.status, 201, JSON.stringify(registered));
  await ask(server, 'DELETE', '/catalog/datasets/by-name/mine');
  await ask(server, 'DELETE', '/catalog/datasets/by-name/a');
  await ingest(server, 'b', 'id\n1\n', 'create');
  const { files } = await dataset(server, 'b');
  const orphan = path.join(server.dataDir, 'objects/datasets/b/base/01KAHV00000000000000000000.parquet');
  const { copyFileSync, utimesSync } = await import('node:fs');
  copyFileSync(path.join(server.dataDir, 'objects', files[0].key), orphan);
  utimesSync(orphan, new Date(0), new Date(0));
  const result = await vacuum(server, { retention_hours: 0 });
  assert.equal(result.files, 2);
  assert.equal(result.orphans, 1);
  assert.equal(result.kept_foreign, 1);
  assert.ok(!existsSync(orphan));
  assert.ok(existsSync(path.join(server.dataDir, 'objects/mine/seven.parquet')));
  assert.deepEqual(await sql(server, 'SELECT count(*) FROM b'), [[1]]);
});

test('a large base is rewritten in parts, and a crash costs one of them', async (t) => {
  const dataDir = path.join(makeTemporaryFolder(), 'data');
  t.after(() => removeFolder(path.dirname(dataDir)));
  const env = { ...quiet, LAKEHOUSE__MAINTENANCE__FILE_BYTES: '64KB' }; // a part is 1 MB
  let server = await startServer({ dataDir, env });
  t.after(() => server.stop());
  const pad = (n) => createHash('sha512').update(String(n)).digest('base64').repeat(2);
  const rows = (from, count) => 'id,text\n' + Array.from({ length: count }, (_, i) => `k${from + i},${pad(from + i)}\n`).join('');
  await ingest(server, 'large', rows(10_000, 50_000), 'create', '&primary_key=id');
  await ingest(server, 'large', rows(55_000, 10_000), 'upsert');
  await ask(server, 'POST', '/catalog/datasets/large/tombstone', { row_keys: ['k10000', 'k30000', 'k64999'] });
  const question = 'SELECT count(*), count(DISTINCT id), min(id), max(id), bit_xor(hash(id, text))::VARCHAR FROM large';
  const expected = await sql(server, question);
  assert.deepEqual(expected[0].slice(0, 4), [54_997, 54_997, 'k10001', 'k64998']);

  const begin = async () => {
    const started = await ask(server, 'POST', '/query/compact', { dataset: 'large', full: true });
    for (let parts = 0; parts < 2; ) {
      const job = await ask(server, 'GET', `/jobs/${started.job_id}`);
      assert.ok(['queued', 'running'].includes(job.state), JSON.stringify(job));
      parts = job.checkpoint?.parts?.done ?? 0;
    }
    return started;
  };
  const before = filesBelow(server, 'large');
  const cancelled = await begin();
  await ask(server, 'DELETE', `/jobs/${cancelled.job_id}`);
  assert.equal((await ended(server, cancelled)).state, 'cancelled');
  assert.deepEqual(filesBelow(server, 'large'), before, 'a cancelled rewrite leaves nothing');

  for (const way of ['stop', 'kill9']) {
    const started = await begin();
    await server[way]();
    server = await startServer({ dataDir, env });
    // What is written meanwhile stays, and is newer.
    await ingest(server, 'large', `id,text\nk10001,${way}\nk70000,${way}\n`, 'upsert');
    const job = await ended(server, { status: 202, ...started });
    assert.equal(job.state, 'done', JSON.stringify(job));
    assert.ok(job.result.parts_kept >= 1, JSON.stringify(job.result)); // the second was perhaps shown before it was durable
    assert.deepEqual(await sql(server, `SELECT text, count(*) FROM large WHERE text = '${way}' GROUP BY 1`), [[way, 2]]);
    assert.deepEqual(await sql(server, 'SELECT count(*), count(DISTINCT id) FROM large'), [[54_998, 54_998]]);
  }
  await ask(server, 'POST', '/query/delta/large', [{ id: 'k10001', text: pad(10_001) }]);
  await ask(server, 'POST', '/catalog/datasets/large/tombstone', { row_keys: ['k70000'] });
  assert.deepEqual(await sql(server, question), expected);
  const m = await dataset(server, 'large');
  assert.deepEqual([...new Set(m.files.filter((f) => f.role !== 'changes').map((f) => f.role))].sort(), ['base', 'delta', 'tombstone']);
});

test('a server compacts and vacuums by itself', async (t) => {
  const server = await startServer({
    t,
    env: {
      LAKEHOUSE__MAINTENANCE__INTERVAL: '100ms',
      LAKEHOUSE__MAINTENANCE__VACUUM_INTERVAL: '100ms',
      LAKEHOUSE__MAINTENANCE__RETENTION: '0s',
      LAKEHOUSE__MAINTENANCE__MIN_FILES: '4',
    },
  });
  await twelveFiles(server);
  for (let tries = 0; tries < 200; tries++) {
    const look = await ask(server, 'GET', '/catalog/maintenance?dataset=people');
    if (look.items[0].files.base.count < 4 && filesBelow(server, 'people').length < 4) break;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert.ok(filesBelow(server, 'people').length < 4);
  assert.deepEqual(await sql(server, 'SELECT count(*), sum(id) FROM people'), [[24, 276]]);
});

test('the command line', async (t) => {
  const folder = makeTemporaryFolder();
  const server = await startServer({ dataDir: folder, env: quiet });
  await twelveFiles(server);
  await server.stop();
  const run = async (...args) => {
    const done = await runLakehouse([...args, '--data', folder], { env: quiet });
    assert.equal(done.code, 0, done.stderr);
    return done.stdout;
  };
  assert.match(await run('maintenance'), /^people +12 +0 +0 .*merge_files: 12 small files/m);
  assert.match(await run('compact', 'people'), /^people: 12 files .* became 1 /);
  assert.match(await run('compact', 'people'), /nothing to do/);
  assert.match(await run('vacuum', '--dry-run', '--retention-hours', '0'), /12 files .* would go/);
  assert.match(await run('vacuum', '--retention-hours', '0'), /12 files .* removed; versions from/);
  const jobs = JSON.parse(await run('jobs', '--json')).items;
  assert.deepEqual(jobs.map((j) => j.kind), ['vacuum', 'compact', 'compact']);
  const check = await runLakehouse(['check', '--data', folder, '--json']);
  assert.equal(check.code, 0, check.stdout);
});
