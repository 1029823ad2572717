// Failures of storage, whichever route met them, are found with one call: GET /storage/errors.
import assert from 'node:assert/strict';
import { readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { startServer } from '../lib/server.mjs';

test('an ingest that storage fails is in the error journal, with its request id', async (t) => {
  const server = await startServer();
  t.after(() => server.stop());
  // The folder for new datasets becomes a link, which is never followed: every put below it fails, whoever runs the test.
  const datasets = path.join(server.dataDir, 'objects', 'datasets');
  rmSync(datasets, { recursive: true, force: true });
  symlinkSync('/nowhere', datasets);
  const failed = await fetch(`${server.url}/ingest/file?name=people&file_name=people.csv`, {
    method: 'POST',
    headers: { 'Content-Type': 'text/csv' },
    body: 'id,name\n1,Ann\n',
  });
  const problem = await failed.json();
  assert.ok(failed.status >= 500, `status ${failed.status}: ${JSON.stringify(problem)}`);

  const journal = await (await fetch(`${server.url}/storage/errors`)).json();
  const entry = journal.items.find((item) => item.request_id === problem.request_id);
  assert.ok(entry, JSON.stringify(journal));
  assert.equal(entry.operation, 'POST /ingest/file');
  assert.equal(entry.bucket, 'primary');
  assert.equal(entry.code, problem.code);
  assert.ok(entry.message.length > 0);

  // The rest keeps working, and so does ingest once the folder is back.
  renameSync(datasets, `${datasets}.aside`);
  const again = await fetch(`${server.url}/ingest/file?name=people&file_name=people.csv`, {
    method: 'POST',
    headers: { 'Content-Type': 'text/csv' },
    body: 'id,name\n1,Ann\n',
  });
  assert.equal(again.status, 201, await again.text());
});

test("a client's own mistake is no operational failure", async (t) => {
  const server = await startServer();
  t.after(() => server.stop());
  await fetch(`${server.url}/storage/objects/no/such/key`);
  await fetch(`${server.url}/query/sql`, { method: 'POST', body: '{"sql":"SELEC"}' });
  const journal = await (await fetch(`${server.url}/storage/errors`)).json();
  assert.deepEqual(journal.items, []);
});

const ingest = (server, name, body, mode = 'create') =>
  fetch(`${server.url}/ingest/file?name=${name}&file_name=x.csv&mode=${mode}`, { method: 'POST', body });

test('an object that is gone is the same failure for a query and for resync', async (t) => {
  const server = await startServer();
  t.after(() => server.stop());
  for (const [name, body] of [['lost', 'a\n1\n'], ['empty', 'a,b\n'], ['hurt', 'c\n2\n']]) assert.equal((await ingest(server, name, body)).status, 201);
  const folder = (name) => path.join(server.dataDir, 'objects/datasets', name, 'base');
  const [file] = readdirSync(folder('lost'));
  rmSync(path.join(folder('lost'), file));
  const [hurt] = readdirSync(folder('hurt'));
  writeFileSync(path.join(folder('hurt'), hurt), 'PAR1 nothing PAR1');
  const post = async (route, body) => {
    const reply = await fetch(server.url + route, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
    return { status: reply.status, ...(await reply.json()) };
  };
  const query = await post('/query/sql', '{"sql":"SELECT * FROM lost"}');
  const resync = await post('/catalog/datasets/lost/resync');
  for (const answer of [query, resync]) {
    assert.equal(answer.status, 500, JSON.stringify(answer));
    assert.equal(answer.code, 'corrupt');
    assert.ok(answer.detail.includes(file), answer.detail);
  }
  const damaged = await post('/query/sql', '{"sql":"SELECT * FROM hurt"}');
  assert.ok(damaged.status >= 400, JSON.stringify(damaged));
  assert.ok(!JSON.stringify(damaged).includes(server.dataDir), damaged.detail);
  assert.deepEqual((await post('/catalog/resync-missing')).resynced, []); // "empty" has no rows and needs nothing
});

test('a catalog that stopped at a damaged record says so where something is missing', async (t) => {
  const first = await startServer();
  t.after(() => first.stop());
  for (const name of ['one', 'two']) assert.equal((await ingest(first, name, `${name}\n1\n`)).status, 201);
  const log = path.join(first.dataDir, 'objects/_catalog/log');
  const next = String(readdirSync(log).length + 1).padStart(20, '0');
  writeFileSync(path.join(log, `${next}.json`), '{"format":1,"version":');
  const second = await startServer({ config: `[storage]\nroot = "${first.dataDir}/objects"\n` });
  t.after(() => second.stop());
  const missing = await fetch(`${second.url}/catalog/datasets/by-name/three`);
  assert.equal(missing.status, 404);
  assert.match((await missing.json()).hint, /stopped at version 2/);
  const reply = await fetch(`${second.url}/query/sql`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"sql":"SELECT * FROM three"}' });
  assert.match((await reply.json()).hint, /stopped at version 2/);
});
