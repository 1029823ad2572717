// Every named fault point of the server (src/os/fault_points.h), in every way: the process dies there, the call fails with
// EIO or ENOSPC, or takes long; where bytes are about to be written, also half of them and then no more.  Afterwards a server without faults must find everything that was acknowledged, whole, once.
//
// Needs a program with the points compiled in (the debug preset): $LAKEHOUSE_FAULT_BIN, or build/debug/bin/lakehouse.
//   LAKEHOUSE_FAULT_HITS=8   also the 2nd to 8th time that a point is reached (make torture-release)
//   LAKEHOUSE_FAULT_POINT=x  only points whose name holds x
import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { makeTemporaryFolder, removeFolder, root, startServer } from '../lib/server.mjs';
import { Ledger, ask } from './ledger.mjs';

const program = path.resolve(root, process.env.LAKEHOUSE_FAULT_BIN ?? 'build/debug/bin/lakehouse');
const hits = Number(process.env.LAKEHOUSE_FAULT_HITS ?? 1);
const wanted = process.env.LAKEHOUSE_FAULT_POINT ?? '';
const AT_ONE_TIME = 3;

const points = [...readFileSync(path.join(root, 'src/os/fault_points.h'), 'utf8').matchAll(/^\s*X\("([^"]+)"/gm)]
  .map((match) => match[1])
  .filter((name) => name.includes(wanted));

// After an error here the disk could not confirm a change that can be seen: nothing more may be written.
const final = new Set(['store.after_publish', 'store.after_delete', 'store.before_folder_sync']);

// Bytes follow at once.
const beforeBytes = new Set(['append_log.before_append', 'append_log.before_batch', 'append_log.before_segment', 'buckets.before_save',
  'catalog.before_commit', 'ingest.before_rejects', 'ingest.before_spool_write', 'keys.before_write', 'store.before_adopt', 'store.before_write']);

const env = {
  LAKEHOUSE__CATALOG__CHECKPOINT_EVERY: '2',
  LAKEHOUSE__CATALOG__POLL_INTERVAL: '60s',
  LAKEHOUSE__ERRORS__BATCH_INTERVAL: '1h',
  LAKEHOUSE__ERRORS__RING: '10',
  LAKEHOUSE__JOURNAL__FLUSH_INTERVAL: '1h',
  LAKEHOUSE__JOURNAL__MERGE_FILES: '2',
  LAKEHOUSE__MAINTENANCE__RETRY_AFTER: '1s',
};

const start = (dataDir, fault = '') => startServer({ dataDir, program, env: { ...env, LAKEHOUSE_FAULT: fault } });

async function work(server, ledger, folder, tag) {
  await ledger.put(server, `${tag}/a`);
  await ledger.put(server, `${tag}/deep/er/b`, { size: 70_000 });
  await ledger.put(server, `${tag}/a`, { size: 5000 });
  await ledger.put(server, `${tag}/once`, { fresh: true });
  await ledger.remove(server, `${tag}/deep/er/b`);
  await ledger.upload(server, 'shared');
  await ledger.upload(server, `own_${tag}`);
  await ledger.makeKey(server);
  await ledger.useBucket(server, `bucket-${tag}`, path.join(folder, `bucket-${tag}`));
  await ledger.provokeFailure(server, 'lost');
  await ledger.tidyErrors(server);
  await ledger.provokeFailure(server, 'lost');
  await ledger.tidyErrors(server);
  await ledger.upload(server, 'shared');
  await ledger.pin(server);
  for (let round = 0; round < 2; round++) {
    await ledger.tell(server, 'thing');
    await ledger.tombstone(server);
    await ledger.erase(server);
    await ledger.upsert(server);
    await ledger.upsert(server);
    await ledger.flushEvents(server);
  }
  await ledger.maintain(server, 'people', 'shared');
  await ledger.index(server);
  await ledger.tune(server);
  await ledger.read(server);
}

/** A lake with a past: a checkpoint and commits after it, batches and an unflushed log, a bucket whose folder is gone; killed. */
async function makePast() {
  const folder = makeTemporaryFolder();
  const lost = path.join(folder, 'lost');
  mkdirSync(lost);
  const server = await start(path.join(folder, 'data'));
  try {
    return { folder, ledger: await livePast(server, folder, lost) };
  } finally {
    await server.kill9();
  }
}

async function livePast(server, folder, lost) {
  const ledger = new Ledger();
  await ask(server, 'POST', '/storage/buckets', {
    body: JSON.stringify({ name: 'lost', root: lost }),
    headers: { 'content-type': 'application/json' },
  });
  rmSync(lost, { recursive: true });
  writeFileSync(lost, 'a file now: the bucket cannot be opened again');
  await ledger.makePeople(server);
  await work(server, ledger, folder, 'past');
  await ledger.provokeFailure(server, 'lost');
  assert.equal(ledger.refused, 0);
  await checkpointStands(server);
  return ledger;
}

async function checkpointStands(server) {
  for (let tries = 0; tries < 100; tries++) {
    const answer = await ask(server, 'GET', '/storage/objects?prefix=_catalog/checkpoint/');
    if (answer.json?.items.length) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.fail('no checkpoint was written');
}

async function untilHit(server, point) {
  const line = `fault point ${point} was hit`;
  for (let tries = 0; tries < 60 && !server.logs.includes(line); tries++)
    await new Promise((resolve) => setTimeout(resolve, 50));
  return server.logs.includes(line);
}

/** One life with a fault, one without. */
async function runFault(past, point, action, nth) {
  const folder = makeTemporaryFolder();
  const ledger = past.ledger.fork();
  const data = path.join(folder, 'data');
  cpSync(path.join(past.folder, 'data'), data, { recursive: true });
  try {
    const hit = await liveWithFault(data, folder, ledger, point, action, nth);
    const server = await start(data);
    try {
      await ledger.check(server);
      await ledger.put(server, 'after/a');
      assert.ok(await ledger.upload(server, 'shared'), 'a server without faults takes uploads');
    } finally {
      await server.stop();
    }
    return hit;
  } finally {
    removeFolder(folder);
  }
}

async function liveWithFault(data, folder, ledger, point, action, nth) {
  let server;
  try {
    server = await start(data, `${point}:${action}:${nth}`);
  } catch (error) {
    return error.message.includes(`fault point ${point} was hit`); // it may refuse to start, or die
  }
  try {
    await work(server, ledger, folder, 'during');
    const hit = await untilHit(server, point);
    if (action === 'crash' && hit) assert.equal((await server.exited).code, 137);
    if (action !== 'crash' && hit && final.has(point)) {
      const answer = await ask(server, 'PUT', '/storage/objects/late', { body: 'late' });
      assert.ok(answer.status >= 500, `a write was acknowledged after a failed sync: ${answer.status}`);
      assert.equal((await ask(server, 'GET', '/ready')).status, 503);
    }
    return hit;
  } finally {
    await server.kill9();
  }
}

test('the program has its fault points', () => {
  assert.ok(existsSync(program), `${program} is missing: tools/build.sh debug`);
  assert.ok(points.length >= (wanted ? 1 : 40));
});

test('what was acknowledged survives a fault at every point', async (t) => {
  const past = await makePast();
  const rows = [];
  for (let nth = 1; nth <= hits; nth++)
    for (const point of points) for (const action of ['crash', 'eio', 'enospc']) rows.push({ point, action, nth });
  for (const point of points.filter((name) => beforeBytes.has(name))) rows.push({ point, action: 'short', nth: 1 });
  // The sync of the rows, of the rejected lines and of the commit record of the first upload.
  for (const nth of [5, 6, 7])
    for (const action of ['crash', 'eio'])
      if ('store.after_publish'.includes(wanted)) rows.push({ point: 'store.after_publish', action, nth });
  const next = rows.values();
  const lane = async () => {
    for (const { point, action, nth } of next)
      await t.test(`${point}, ${action}, hit ${nth}`, async () => {
        const hit = await runFault(past, point, action, nth);
        assert.ok(hit || nth > 1, `${point} was not reached`);
      });
  };
  await Promise.all(Array.from({ length: AT_ONE_TIME }, lane));
});

test('a server that is slow at every point works', async () => {
  const past = await makePast();
  const folder = past.folder;
  const fault = points.map((point) => `${point}:delay=30`).join(',');
  const server = await start(path.join(folder, 'data'), fault);
  try {
    await work(server, past.ledger, folder, 'slow');
    assert.equal(past.ledger.refused, 0);
    for (const point of points) assert.ok(await untilHit(server, point), `${point} was not reached`);
    await past.ledger.check(server);
  } finally {
    await server.stop();
  }
});
