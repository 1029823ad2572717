// Small upserts into a large dataset, in turns with a bare fsync of the same disk and, where old rows are read for a history, with
// DuckDB reading the same rows in a process of its own.
import { execFileSync } from 'node:child_process';
import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { performance } from 'node:perf_hooks';
import { root } from '../../tests/lib/server.mjs';
import { batch, call, inTurns, make, people, row } from './merged.mjs';

const duckdb = path.join(root, 'build/release/bench/bench_duckdb_run');

const upsert = (server, rows) => call(server, 'POST', '/query/delta/big', rows);

function fsyncOnce(fd) {
  writeSync(fd, 'x'.repeat(4096), 0);
  fsyncSync(fd);
}

/** The rows of 1,000 keys spread over the dataset's file, once, with nothing read before. */
function lookUp(file, rows) {
  const keys = `(SELECT (7919 + i * ${Math.floor(rows / 1000)}) % ${rows} AS id FROM range(1000) t(i))`;
  const sql = `CREATE TEMP TABLE past AS SELECT f.* FROM read_parquet('${file}') f JOIN ${keys} USING (id)`;
  const threads = String(os.availableParallelism?.() ?? os.cpus().length);
  return JSON.parse(execFileSync(duckdb, [threads, '1GiB', '1', '', sql], { encoding: 'utf8' }))[0].first_ms;
}

/** Upserts a second by `clients` at one time, a row each. */
async function atOneTime(server, rows, clients, each) {
  const began = performance.now();
  await Promise.all(Array.from({ length: clients }, async (_, c) => {
    for (let i = 0; i < each; i++) await upsert(server, batch(c * each + i, 1, rows));
  }));
  return (clients * each * 1000) / (performance.now() - began);
}

/**
 * Milliseconds of the quietest turn of each, in a server that was started on `dataDir` with or without a row history.
 * @returns {Promise<{scattered: number, neighbours: number, one: number, fsync: number, lookUp?: number, perSecond: number}>}
 */
export async function smallUpserts(server, rows, { history, rounds = 21, clients = 16, each = 20 }) {
  await make(server, 'big', people(rows));
  const fd = openSync(path.join(server.dataDir, 'fsync'), 'w');
  const file = path.join(server.dataDir, 'objects/big.parquet');
  const neighbours = (n) => JSON.stringify(Array.from({ length: 1000 }, (_, i) => row((n * 104729 + i) % rows, i, n)));
  let looked = Infinity;
  const [scattered, near, one, fsync] = await inTurns([
    (n) => upsert(server, batch(n, 1000, rows)),
    (n) => upsert(server, neighbours(n)),
    (n) => upsert(server, batch(n, 1, rows)),
    async () => fsyncOnce(fd),
    async () => history && (looked = Math.min(looked, lookUp(file, rows))),
  ], rounds);
  closeSync(fd);
  const perSecond = await atOneTime(server, rows, clients, each);
  return { scattered, neighbours: near, one, fsync, lookUp: history ? looked : undefined, perSecond };
}
