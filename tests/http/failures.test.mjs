// Failures of storage, whichever route met them, are found with one call: GET /storage/errors.
import assert from 'node:assert/strict';
import { renameSync, rmSync, symlinkSync } from 'node:fs';
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
