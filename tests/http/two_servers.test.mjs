// Two servers on one storage: each sees what the other commits within a second, none overwrites the other, a kill -9 in the
// middle loses nothing, and damage to the log is told, survived and mended.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { makeTemporaryFolder, query, runLakehouse, startServer } from './server.mjs';

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function upload(server, name, csv, mode = 'create', key = undefined) {
  const headers = key ? { 'Idempotency-Key': key } : {};
  return fetch(`${server.url}/ingest/file?name=${name}&file_name=${name}.csv&mode=${mode}`, { method: 'POST', body: csv, headers });
}

async function eventually(what, check, limitMs) {
  const start = Date.now();
  for (;;) {
    if (await check()) return Date.now() - start;
    assert.ok(Date.now() - start < limitMs, `${what}: not within ${limitMs} ms`);
    await sleep(25);
  }
}

const has = (server, name) => async () => (await fetch(`${server.url}/catalog/datasets/by-name/${name}`)).status === 200;

test('two servers, one storage', async (t) => {
  const storage = makeTemporaryFolder();
  const env = { LAKEHOUSE__STORAGE__ROOT: storage };
  const a = await startServer({ t, env });
  let b = await startServer({ t, env });

  assert.equal((await upload(a, 'first', 'id\n1\n')).status, 201);
  await eventually('a dataset of the other server', has(b, 'first'), 5000);
  assert.deepEqual((await query(b, 'SELECT * FROM first')).rows, [[1]]);

  // The name is taken, whichever server is asked, without waiting for the poll.
  assert.equal((await upload(a, 'second', 'id\n1\n')).status, 201);
  assert.equal((await upload(b, 'second', 'id\n2\n')).status, 409);

  // Both append at one time; every row is there, once.
  const appends = [];
  for (let i = 0; i < 10; i++) appends.push(upload(i % 2 ? a : b, 'second', `id\n${100 + i}\n`, 'append', `append-${i}`));
  for (const reply of await Promise.all(appends)) assert.equal(reply.status, 201, await reply.text());
  await Promise.all([a, b].map((s) => eventually('all rows', async () => (await query(s, 'SELECT count(*) FROM second')).rows[0][0] === 11, 5000)));

  // Ten more while one server is killed: what it acknowledged is there; sent again with their keys, all are there once.
  const outcomes = [];
  for (let i = 0; i < 10; i++) {
    outcomes.push(upload(b, 'second', `id\n${200 + i}\n`, 'append', `killed-${i}`).then((r) => r.status, () => 0));
    if (i === 5) await sleep(60);
  }
  await b.kill9();
  await Promise.all(outcomes);
  b = await startServer({ t, env });
  for (let i = 0; i < 10; i++) {
    const reply = await upload(b, 'second', `id\n${200 + i}\n`, 'append', `killed-${i}`);
    assert.ok(reply.ok, await reply.text());
  }
  assert.deepEqual((await query(b, 'SELECT count(*), count(DISTINCT id) FROM second WHERE id >= 200')).rows, [[10, 10]]);
});

test('a bucket that the other server added', async (t) => {
  const env = { LAKEHOUSE__STORAGE__ROOT: makeTemporaryFolder() };
  const a = await startServer({ t, env });
  const b = await startServer({ t, env });
  assert.deepEqual((await query(b, 'SELECT 1')).rows, [[1]]); // its worker started before the bucket was there

  const root = path.join(makeTemporaryFolder(), 'second');
  const added = await fetch(`${a.url}/storage/buckets`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ name: 'second', root }),
  });
  assert.equal(added.status, 201, await added.text());
  const reply = await fetch(`${a.url}/ingest/file?name=far&file_name=far.csv`, { method: 'POST', body: 'id\n7\n', headers: { 'X-Lakehouse-Bucket': 'second' } });
  assert.equal(reply.status, 201, await reply.text());

  await eventually('the dataset', has(b, 'far'), 5000);
  assert.deepEqual((await query(b, 'SELECT * FROM far')).rows, [[7]]); // the very first statement
  const names = (await (await fetch(`${b.url}/storage/buckets`)).json()).items.map((bucket) => bucket.name);
  assert.deepEqual(names, ['primary', 'second']);
});

test('a damaged record', async (t) => {
  const dataDir = makeTemporaryFolder();
  let server = await startServer({ t, dataDir });
  for (const name of ['one', 'two', 'three']) assert.equal((await upload(server, name, 'id\n1\n')).status, 201);
  await server.stop();

  const log = path.join(dataDir, 'objects/_catalog/log');
  const record = path.join(log, readdirSync(log).sort()[1]);
  const bytes = readFileSync(record);
  const damaged = Buffer.from(bytes);
  damaged[damaged.length >> 1] ^= 4;
  writeFileSync(record, damaged);

  server = await startServer({ t, dataDir });
  assert.deepEqual((await query(server, 'SELECT * FROM one')).rows, [[1]]); // what is before the damage can be read
  const refused = await upload(server, 'four', 'id\n1\n');
  assert.equal(refused.status, 500);
  const problem = await refused.json();
  assert.equal(problem.code, 'corrupt');
  assert.match(problem.detail, /_catalog\/log\/0*2\.json/);
  assert.match(problem.hint, /restore/);
  const ready = await fetch(`${server.url}/ready`);
  assert.equal(ready.status, 503);
  assert.match(JSON.stringify(await ready.json()), /_catalog\/log\/0*2\.json/);

  writeFileSync(record, bytes); // mended while the server runs
  await eventually('the rest of the log', has(server, 'three'), 5000);
  assert.equal((await upload(server, 'four', 'id\n1\n')).status, 201);
  assert.equal((await fetch(`${server.url}/ready`)).status, 200);
  await server.stop();

  assert.equal((await runLakehouse(['check', '--data', dataDir])).code, 0);
  writeFileSync(record, damaged);
  const check = await runLakehouse(['check', '--data', dataDir, '--json']);
  assert.equal(check.code, 1, check.stdout + check.stderr);
  assert.match(check.stdout, /record_damaged/);
  assert.ok(existsSync(record), 'looking changes nothing');
});
