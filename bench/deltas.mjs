// Rows on top of rows: reading a dataset with deltas and tombstones beside its compacted form, turn by turn in one server; what a
// small write takes beside a bare fsync, and how many go through at one time.
//   MERGE_ROWS=1000000    rows of the dataset that is read
//   UPSERT_ROWS=10000000  rows of the dataset that is written to
import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs';
import path from 'node:path';
import { performance } from 'node:perf_hooks';
import { makeTemporaryFolder, removeFolder, startServer } from '../tests/lib/server.mjs';

const mergeRows = Number(process.env.MERGE_ROWS ?? 1_000_000);
const upsertRows = Number(process.env.UPSERT_ROWS ?? 10_000_000);
const DELTAS = 10, DELTA_ROWS = 10_000, TOMBSTONES = 1000, ROUNDS = 21;
const json = { 'content-type': 'application/json' };
const line = (name, value) => console.log(`${name.padEnd(64)} ${value}`);
const ms = (value) => `${value.toFixed(1)} ms`;

const folder = makeTemporaryFolder('lakehouse-bench-');

async function call(server, method, route, body, headers = json) {
  const answer = await fetch(server.url + route, { method, body, headers });
  const bytes = Buffer.from(await answer.arrayBuffer());
  if (!answer.ok) throw new Error(`${method} ${route}: ${answer.status} ${bytes.toString().slice(0, 500)}`);
  return bytes;
}

const query = (server, sql, accept = 'application/json') => call(server, 'POST', '/query/sql', JSON.stringify({ sql }), { ...json, accept });

/** The rows of `sql` as a dataset of one file, keyed by id. */
async function make(server, name, sql) {
  const parquet = await query(server, `${sql} ORDER BY id`, 'application/vnd.apache.parquet');
  await call(server, 'PUT', `/storage/objects/${name}.parquet`, parquet, {});
  await call(server, 'POST', '/catalog/datasets', JSON.stringify({ name, keys: [`${name}.parquet`], primary_key: ['id'] }));
}

const people = (rows) => `SELECT i AS id, (hash(i) % 1000)::BIGINT AS grp, i * 1.5::DOUBLE AS amount, 'name ' || i AS name,
  DATE '2024-01-01' + (i % 365)::INTEGER AS d FROM range(${rows}) t(i)`;

/** Rows for keys spread over the dataset, others in each batch, some in several. */
const batch = (n, count, rows) => JSON.stringify(Array.from({ length: count }, (_, i) => {
  const id = (n * 7919 + i * Math.floor(rows / count)) % rows;
  return { id, grp: id % 1000, amount: i * 0.5, name: `new ${n}`, d: '2025-06-01' };
}));

/** The quietest of each, taken in turns: what else the machine does meets both. */
async function inTurns(works, rounds = ROUNDS) {
  const best = works.map(() => Infinity);
  for (let round = 0; round < rounds; round++) {
    for (const [i, work] of works.entries()) {
      const began = performance.now();
      await work(round);
      best[i] = Math.min(best[i], performance.now() - began);
    }
  }
  return best;
}

async function reading(server) {
  await make(server, 'merged', people(mergeRows));
  for (let n = 0; n < DELTAS; n++) await call(server, 'POST', '/query/delta/merged', batch(n, DELTA_ROWS, mergeRows));
  const keys = Array.from({ length: TOMBSTONES }, (_, i) => (i * 997 + 1) % mergeRows);
  await call(server, 'POST', '/catalog/datasets/merged/tombstone', JSON.stringify({ row_keys: keys }));
  await make(server, 'compacted', 'SELECT * FROM merged');
  const what = `${DELTAS} deltas of ${DELTA_ROWS} and ${TOMBSTONES} tombstones on ${mergeRows} rows`;
  for (const [name, sql] of [
    ['GROUP BY of 1,000 groups', (t) => `SELECT grp, count(*), sum(amount), max(d) FROM ${t} GROUP BY grp`],
    ['GROUP BY with a text', (t) => `SELECT d, count(*), sum(amount), max(name) FROM ${t} GROUP BY d`],
    ['count(*)', (t) => `SELECT count(*) FROM ${t}`],
    ['one key', (t) => `SELECT * FROM ${t} WHERE id = 90007`],
  ]) {
    const [merged, compacted] = await inTurns([() => query(server, sql('merged')), () => query(server, sql('compacted'))]);
    line(`${name}: ${what}`, `${ms(merged)} beside ${ms(compacted)}: ${(merged / compacted).toFixed(2)}x`);
  }
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
  ]);
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
  for (const [name, env] of [['no history', withoutHistory], ['with history', {}]]) {
    server = await startServer({ dataDir: path.join(folder, name), env });
    await make(server, 'big', people(upsertRows));
    await writing(server, name);
    await server.stop();
  }
} finally {
  removeFolder(folder);
}
