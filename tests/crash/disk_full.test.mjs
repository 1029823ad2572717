// A disk that is full: 507 for every kind of write, reads go on, and writes work again when there is space.
// On a small tmpfs of its own, which takes root to mount; skipped otherwise.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, unlinkSync, writeSync } from 'node:fs';
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

test('a full disk refuses writes, serves reads, and recovers', async (t) => {
  const mount = path.join(makeTemporaryFolder(), 'small');
  mkdirSync(mount);
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64m', 'tmpfs', mount]).status !== 0) return t.skip('mounting a tmpfs takes root');
  t.after(() => spawnSync('umount', ['-l', mount]));
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
