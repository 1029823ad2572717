// A disk that is full: 507 for every kind of write, reads go on, and writes work again when there is space.
// On a small tmpfs of its own, which takes root to mount; skipped otherwise.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, mkdirSync, openSync, statSync, truncateSync, unlinkSync, writeSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { makeTemporaryFolder, query, startServer } from '../lib/server.mjs';
import { Ledger, ask } from './ledger.mjs';

/** Takes all that is free; leaves the file there. */
function fill(file) {
  const fd = openSync(file, 'w');
  for (let size = 1 << 20; size >= 1; )
    try {
      if (writeSync(fd, Buffer.alloc(size)) < size) size = Math.floor(size / 2);
    } catch (error) {
      assert.equal(error.code, 'ENOSPC');
      size = Math.floor(size / 2);
    }
  closeSync(fd);
}

/** A tmpfs of its own below a fresh folder, or undefined. */
function mountSmall(t, size) {
  const mount = path.join(makeTemporaryFolder(), 'small');
  mkdirSync(mount);
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', mount]).status !== 0) return undefined;
  t.after(() => spawnSync('umount', ['-l', mount]));
  return mount;
}

test('a full disk refuses writes, serves reads, and recovers', async (t) => {
  const mount = mountSmall(t, '64m');
  if (!mount) return t.skip('mounting a tmpfs takes root');
  const server = await startServer({ t, dataDir: path.join(mount, 'data') });
  const ledger = new Ledger();
  const filler = path.join(mount, 'filler');
  const json = { 'content-type': 'application/json' };
  const csv = { 'content-type': 'text/csv' };

  for (let round = 0; round < 3; round++) {
    await ledger.put(server, `round/${round}`);
    await ledger.upload(server, 'events');
    assert.equal(ledger.refused, 0, 'there was space');

    fill(filler);
    const writes = {
      put: await ask(server, 'PUT', `/storage/objects/full/${round}`, { body: 'x'.repeat(100_000) }),
      upload: await ask(server, 'POST', '/ingest/file?name=full', { body: 'a,b\n1,2\n', headers: csv }),
      key: await ask(server, 'POST', '/access/keys', { body: '{"role":"analyst"}', headers: json }),
    };
    if (round > 0)
      writes.compaction = await ask(server, 'POST', '/query/compact', { body: '{"dataset":"events"}', headers: json });
    for (const [what, answer] of Object.entries(writes)) {
      assert.equal(answer.status, 507, `${what} on a full disk: ${answer.status} ${answer.text}`);
      assert.equal(answer.json.code, 'no_space', what);
    }
    assert.equal((await ask(server, 'GET', `/storage/objects/full/${round}`)).status, 404);
    assert.match((await ask(server, 'GET', `/storage/objects/round/${round}`)).text, /^round/);
    assert.deepEqual((await query(server, 'SELECT count(DISTINCT upload) FROM events')).rows, [[round + 1]]);

    unlinkSync(filler);
    await ledger.put(server, `after/${round}`);
    assert.equal(ledger.refused, 0, 'there is space again');
  }
  await ledger.check(server);
});

test('a compaction that finds no room leaves the old files serving, and is done when there is room', async (t) => {
  const mount = mountSmall(t, '96m');
  if (!mount) return t.skip('mounting a tmpfs takes root');
  const server = await startServer({ t, dataDir: path.join(mount, 'data'), env: { LAKEHOUSE__MAINTENANCE__COMPACT: 'false' } });
  const json = { 'content-type': 'application/json' };
  const send = async (method, route, body, headers = json) => {
    const answer = await ask(server, method, route, { body: typeof body === 'string' ? body : JSON.stringify(body), headers });
    assert.ok(answer.status < 300, `${route}: ${answer.text}`);
    return answer.json;
  };
  const file = (from) => 'id,text\n' + Array.from({ length: 20_000 }, (_, i) => `${from + i},${randomBytes(200).toString('base64')}\n`).join('');
  await send('POST', '/ingest/file?name=big&primary_key=id', file(0), { 'content-type': 'text/csv' });
  for (let n = 1; n < 4; n++) await send('POST', '/ingest/file?name=big&mode=upsert', file(n * 10_000), { 'content-type': 'text/csv' });
  await send('POST', '/catalog/datasets/big/tombstone', { row_keys: [1, 2, 3] });
  const question = 'SELECT count(*), count(DISTINCT id), sum(length(text)) FROM big';
  const rows = (await query(server, question)).rows;
  assert.equal(rows[0][0], 49_997);
  const before = await send('GET', '/catalog/datasets/by-name/big', undefined);
  const compact = async () => {
    const { job_id: id } = await send('POST', '/query/compact', { dataset: 'big', full: true });
    for (;;) {
      const job = await send('GET', `/jobs/${id}`, undefined);
      if (!['queued', 'running', 'waiting'].includes(job.state)) return job;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };

  fill(path.join(mount, 'filler'));
  truncateSync(path.join(mount, 'filler'), statSync(path.join(mount, 'filler')).size - (4 << 20)); // room for a job, not for its files
  const failed = await compact();
  assert.equal(failed.state, 'failed', JSON.stringify(failed));
  assert.equal(failed.error.code, 'no_space', JSON.stringify(failed.error));
  assert.deepEqual((await query(server, question)).rows, rows);
  const after = await send('GET', '/catalog/datasets/by-name/big', undefined);
  assert.deepEqual(after.files, before.files);
  await send('POST', '/query/delta/big', [{ id: 0, text: 'written meanwhile' }]);

  unlinkSync(path.join(mount, 'filler'));
  const done = await compact();
  assert.equal(done.state, 'done', JSON.stringify(done));
  assert.deepEqual((await query(server, 'SELECT count(*), count(DISTINCT id) FROM big')).rows, [[49_997, 49_997]]);
  assert.deepEqual((await query(server, 'SELECT text FROM big WHERE id = 0')).rows, [['written meanwhile']]);
  assert.deepEqual((await send('GET', '/catalog/datasets/by-name/big', undefined)).files.map((f) => f.role).filter((role) => role !== 'base'), []);
});
