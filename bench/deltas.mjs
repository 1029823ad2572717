// Rows on top of rows: reading a dataset with deltas and tombstones beside its compacted form, turn by turn in one server; what a
// small write takes beside a bare fsync, and how many go through at one time.
//   MERGE_ROWS=1000000    rows of the dataset that is read
//   UPSERT_ROWS=10000000  rows of the dataset that is written to; 0: only reading
import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs';
import path from 'node:path';
import { performance } from 'node:perf_hooks';
import { makeTemporaryFolder, removeFolder, startServer } from '../tests/lib/server.mjs';
import { batch, call, inTurns, make, mergedBesideCompacted, people } from './lib/merged.mjs';

const mergeRows = Number(process.env.MERGE_ROWS ?? 1_000_000);
const upsertRows = Number(process.env.UPSERT_ROWS ?? 10_000_000); // 0: reading only
const ROUNDS = 21;
const line = (name, value) => console.log(`${name.padEnd(64)} ${value}`);
const ms = (value) => `${value.toFixed(1)} ms`;

const folder = makeTemporaryFolder('lakehouse-bench-');

async function reading(server) {
  const { what, results } = await mergedBesideCompacted(server, mergeRows, ROUNDS);
  console.log(what);
  for (const { name, merged, compacted } of results)
    line(name, `${ms(merged)} beside ${ms(compacted)}: ${(merged / compacted).toFixed(2)}x`);
}

function fsyncOnce(fd) {
  writeSync(fd, 'x'.repeat(4096), 0);
  fsyncSync(fd);
}

async function writing(server, name) {
  const fd = openSync(path.join(folder, 'fsync'), 'w');
  const [thousand, one, fsync] = await inTurns([
    (n) => call(server, 'POST', '/query/delta/big', batch(n, 1000, upsertRows)),
    (n) => call(server, 'POST', '/query/delta/big', batch(n, 1, upsertRows)),
    async () => fsyncOnce(fd),
  ], ROUNDS);
  closeSync(fd);
  line(`${name}: upsert of 1,000 rows into ${upsertRows}`, `${ms(thousand)} beside an fsync of ${ms(fsync)}`);
  line(`${name}: upsert of 1 row`, ms(one));
  const began = performance.now(), clients = 16, each = 20;
  await Promise.all(Array.from({ length: clients }, async (_, c) => {
    for (let i = 0; i < each; i++) await call(server, 'POST', '/query/delta/big', batch(c * each + i, 1, upsertRows));
  }));
  line(`${name}: upserts of 1 row by ${clients} clients`, `${((clients * each * 1000) / (performance.now() - began)).toFixed(0)}/s`);
}

const withoutHistory = { LAKEHOUSE__JOURNAL__ROW_HISTORY_MAX_ROWS: '0' };
try {
  let server = await startServer({ dataDir: path.join(folder, 'read'), env: withoutHistory });
  await reading(server);
  await server.stop();
  for (const [name, env] of upsertRows > 0 ? [['no history', withoutHistory], ['with history', {}]] : []) {
    server = await startServer({ dataDir: path.join(folder, name), env });
    await make(server, 'big', people(upsertRows));
    await writing(server, name);
    await server.stop();
  }
} finally {
  removeFolder(folder);
}
