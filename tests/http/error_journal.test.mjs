// The failures of buckets: told with their key, by time, moved to storage and merged on request; a bucket that is gone says why.
import assert from 'node:assert/strict';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { makeTemporaryFolder, startServer } from './server.mjs';

test('failures of a bucket', async (t) => {
  const folder = makeTemporaryFolder();
  const root = path.join(folder, 'lost');
  const dataDir = path.join(folder, 'data');
  const ask = async (server, method, target, body) => {
    const headers = body ? { 'content-type': 'application/json' } : {};
    const response = await fetch(server.url + target, { method, body: body && JSON.stringify(body), headers });
    return { status: response.status, ...(response.status === 204 ? {} : await response.json()) };
  };
  mkdirSync(root);
  let server = await startServer({ dataDir });
  assert.equal((await ask(server, 'POST', '/storage/buckets', { name: 'lost', root })).status, 201);
  assert.equal((await ask(server, 'POST', '/storage/buckets', { name: 'lost', root })).status, 409);
  await server.stop();
  rmSync(root, { recursive: true });
  writeFileSync(root, 'a file now');

  server = await startServer({ t, dataDir });
  const listed = await ask(server, 'GET', '/storage/buckets');
  const lost = listed.items.find((bucket) => bucket.name === 'lost');
  assert.equal(lost.reachable, false);
  assert.ok(lost.reason.length > 0);
  assert.ok([503, 404].includes((await ask(server, 'GET', '/storage/buckets/lost/objects/a')).status));
  assert.equal((await fetch(`${server.url}/storage/buckets/lost/objects/a`, { method: 'PUT', body: 'x' })).status, 503);
  const told = await ask(server, 'GET', '/storage/errors?bucket=lost&limit=10');
  assert.ok(told.items.length >= 1, JSON.stringify(told));
  const future = await ask(server, 'GET', '/storage/errors?since=2999-01-01T00:00:00Z');
  assert.deepEqual(future.items, []);
  const wrong = await ask(server, 'GET', '/storage/errors?since=yesterday');
  assert.equal(wrong.status, 400);
  assert.match(wrong.hint, /RFC 3339/);

  const flushed = await ask(server, 'POST', '/storage/errors/flush');
  assert.deepEqual([flushed.status, flushed.batches >= 1, flushed.records >= 1], [200, true, true], JSON.stringify(flushed));
  await ask(server, 'PUT', '/storage/buckets/lost/objects/b');
  await ask(server, 'POST', '/storage/errors/flush');
  const merged = await ask(server, 'POST', '/storage/errors/compact');
  assert.equal(merged.status, 200);
  assert.ok(merged.merged >= 0 && merged.written >= 0 && merged.records >= 0, JSON.stringify(merged));
  assert.ok((await ask(server, 'GET', '/storage/errors?bucket=lost')).items.length >= told.items.length);
  assert.equal((await ask(server, 'DELETE', '/storage/buckets/lost')).status, 204);
});
