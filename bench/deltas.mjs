// Rows on top of rows: reading a dataset with deltas and tombstones beside its compacted form, turn by turn in one server; what a
// small write takes beside a bare fsync, with and without a row history, and how many go through at one time.  Needs
// bench_duckdb_run (ninja -C build/release bench_duckdb_run).
//   MERGE_ROWS=1000000    rows of the dataset that is read
//   UPSERT_ROWS=10000000  rows of the dataset that is written to; 0: only reading
import path from 'node:path';
import { makeTemporaryFolder, removeFolder, startServer } from '../tests/lib/server.mjs';
import { mergedBesideCompacted } from './lib/merged.mjs';
import { smallUpserts } from './lib/upserts.mjs';

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
    line(name, `processor time ${ms(merged.cpu)} beside ${ms(compacted.cpu)}: ${(merged.cpu / compacted.cpu).toFixed(2)}x; wall ${ms(merged.wall)} beside ${ms(compacted.wall)}`);
}

async function writing(server, name, history) {
  const took = await smallUpserts(server, upsertRows, { history, rounds: ROUNDS });
  const beside = history ? `, ${ms(took.lookUp)} for DuckDB to read the old rows` : '';
  line(`${name}: upsert of 1,000 scattered rows into ${upsertRows}`, `${ms(took.scattered)} beside an fsync of ${ms(took.fsync)}${beside}`);
  line(`${name}: upsert of 1,000 neighbouring rows`, ms(took.neighbours));
  line(`${name}: upsert of 1 row`, ms(took.one));
  line(`${name}: upserts of 1 row by 16 clients`, `${took.perSecond.toFixed(0)}/s`);
}

const withoutHistory = { LAKEHOUSE__JOURNAL__ROW_HISTORY_MAX_ROWS: '0' };
try {
  let server = await startServer({ dataDir: path.join(folder, 'read'), env: withoutHistory });
  await reading(server);
  await server.stop();
  for (const history of upsertRows > 0 ? [false, true] : []) {
    const name = history ? 'with history' : 'no history';
    server = await startServer({ dataDir: path.join(folder, name), env: history ? {} : withoutHistory });
    await writing(server, name, history);
    await server.stop();
  }
} finally {
  removeFolder(folder);
}
