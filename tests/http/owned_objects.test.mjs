// What datasets consist of cannot be changed through the storage routes, and a bucket that datasets need stays.
import assert from 'node:assert/strict';
import path from 'node:path';
import test from 'node:test';
import { startServer } from '../lib/server.mjs';

async function call(server, method, route, body, headers = {}) {
  const type = typeof body === 'string' && body.startsWith('{') ? { 'Content-Type': 'application/json' } : {};
  const answer = await fetch(`${server.url}${route}`, { method, body, headers: { ...type, ...headers } });
  const text = await answer.text();
  return { status: answer.status, text, json: text.startsWith('{') ? JSON.parse(text) : undefined };
}

const ingest = (server, name, extra = '') =>
  call(server, 'POST', `/ingest/file?name=${name}&file_name=${name}.csv${extra}`, 'id,name\n1,Ann\n2,Bob\n', { 'Content-Type': 'text/csv' });

const count = async (server, name) =>
  (await call(server, 'POST', '/query/sql', JSON.stringify({ sql: `SELECT count(*) FROM ${name}` }))).json?.rows?.[0]?.[0];

test("a dataset's file is neither overwritten nor deleted", async (t) => {
  const server = await startServer();
  t.after(() => server.stop());
  assert.equal((await ingest(server, 'people')).status, 201);
  const { json } = await call(server, 'GET', '/catalog/datasets/by-name/people');
  const key = json.files[0].key;
  assert.equal((await call(server, 'PUT', `/storage/objects/${key}`, 'rubbish')).status, 403);
  assert.equal((await call(server, 'DELETE', `/storage/objects/${key}`)).status, 403);
  assert.equal(await count(server, 'people'), 2);
});

test('neither is an object that was registered, as long as the dataset stands', async (t) => {
  const server = await startServer();
  t.after(() => server.stop());
  await ingest(server, 'source');
  const { json } = await call(server, 'GET', '/catalog/datasets/by-name/source');
  const bytes = await (await fetch(`${server.url}/storage/objects/${json.files[0].key}`)).arrayBuffer();
  assert.equal((await call(server, 'PUT', '/storage/objects/mine/a.parquet', bytes)).status, 201);
  const body = JSON.stringify({ name: 'mine', keys: ['mine/a.parquet'] });
  const registered = await call(server, 'POST', '/catalog/datasets', body);
  assert.equal(registered.status, 201, registered.text);

  for (const method of ['PUT', 'DELETE']) {
    const refused = await call(server, method, '/storage/objects/mine/a.parquet', method === 'PUT' ? 'x' : undefined);
    assert.equal(refused.status, 409);
    assert.match(refused.json.detail, /"mine"/);
  }
  assert.equal((await call(server, 'DELETE', '/catalog/datasets/by-name/mine')).status, 200);
  assert.equal((await call(server, 'DELETE', '/storage/objects/mine/a.parquet')).status, 204);
});

test('a bucket with datasets in it stays; its root must be an absolute path', async (t) => {
  const server = await startServer();
  t.after(() => server.stop());
  const relative = await call(server, 'POST', '/storage/buckets', JSON.stringify({ name: 'b2', root: 'somewhere' }));
  assert.equal(relative.status, 400);
  assert.match(relative.json.hint, /absolute path/);
  const root = path.join(server.dataDir, 'second');
  assert.equal((await call(server, 'POST', '/storage/buckets', JSON.stringify({ name: 'b2', root }))).status, 201);
  assert.equal((await ingest(server, 'people', '&bucket=b2')).status, 201);
  const refused = await call(server, 'DELETE', '/storage/buckets/b2');
  assert.equal(refused.status, 409);
  assert.match(refused.json.detail, /"people"/);
  assert.equal(await count(server, 'people'), 2);
  assert.equal((await call(server, 'DELETE', '/catalog/datasets/by-name/people')).status, 200);
  assert.equal((await call(server, 'DELETE', '/storage/buckets/b2')).status, 204);
});
