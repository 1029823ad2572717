// A dataset with deltas and tombstones beside its compacted form, in one server.
import { performance } from 'node:perf_hooks';
import { processorMs } from './processes.mjs';

const json = { 'content-type': 'application/json' };
const DELTAS = 10, DELTA_ROWS = 10_000, TOMBSTONES = 1000;

export async function call(server, method, route, body, headers = json) {
  const answer = await fetch(server.url + route, { method, body, headers });
  const bytes = Buffer.from(await answer.arrayBuffer());
  if (!answer.ok) throw new Error(`${method} ${route}: ${answer.status} ${bytes.toString().slice(0, 500)}`);
  return bytes;
}

export const query = (server, sql, accept = 'application/json') =>
  call(server, 'POST', '/query/sql', JSON.stringify({ sql }), { ...json, accept });

export const people = (rows) => `SELECT i AS id, (hash(i) % 1000)::BIGINT AS grp, i * 1.5::DOUBLE AS amount, 'name ' || i AS name,
  DATE '2024-01-01' + (i % 365)::INTEGER AS d FROM range(${rows}) t(i)`;

/** The rows of `sql` as a dataset of one file, keyed by id. */
export async function make(server, name, sql) {
  const parquet = await query(server, `${sql} ORDER BY id`, 'application/vnd.apache.parquet');
  await call(server, 'PUT', `/storage/objects/${name}.parquet`, parquet, {});
  await call(server, 'POST', '/catalog/datasets', JSON.stringify({ name, keys: [`${name}.parquet`], primary_key: ['id'] }));
}

export const row = (id, i, n) => ({ id, grp: id % 1000, amount: i * 0.5, name: `new ${n}`, d: '2025-06-01' });

/** Rows for keys spread over the dataset, others in each batch, some in several. */
export const batch = (n, count, rows) => JSON.stringify(Array.from({ length: count }, (_, i) => {
  const id = (n * 7919 + i * Math.floor(rows / count)) % rows;
  return row(id, i, n);
}));

/** The quietest of each, taken in turns: what else the machine does meets both. */
export async function inTurns(works, rounds) {
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

const CASES = [
  ['GROUP BY of 1,000 groups', (t) => `SELECT grp, count(*), sum(amount), max(d) FROM ${t} GROUP BY grp`],
  ['GROUP BY with a text', (t) => `SELECT d, count(*), sum(amount), max(name) FROM ${t} GROUP BY d`],
  ['count(*)', (t) => `SELECT count(*) FROM ${t}`],
  ['one key', (t) => `SELECT * FROM ${t} WHERE id = 90007`],
];

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

/** Of the statement on both forms, taken in turns: the least wall time, and the median of the processor time (which the kernel books a
 * little late, so that the least one is too little). */
async function measure(server, sql, rounds, before = () => {}) {
  const taken = { merged: { wall: [], cpu: [] }, compacted: { wall: [], cpu: [] } };
  for (let round = 0; round < rounds; round++) {
    await before(round);
    for (const [table, times] of Object.entries(taken)) {
      const cpu = processorMs(server.pid), began = performance.now();
      await query(server, sql(table));
      times.wall.push(performance.now() - began);
      times.cpu.push(processorMs(server.pid) - cpu);
    }
  }
  const sum = ({ wall, cpu }) => ({ wall: Math.min(...wall), cpu: median(cpu) });
  return { merged: sum(taken.merged), compacted: sum(taken.compacted) };
}

/** Milliseconds of each statement on both forms, asked often; and of the first one after a row was written. */
export async function mergedBesideCompacted(server, rows, rounds = 21) {
  await make(server, 'merged', people(rows));
  for (let n = 0; n < DELTAS; n++) await call(server, 'POST', '/query/delta/merged', batch(n, DELTA_ROWS, rows));
  const keys = Array.from({ length: TOMBSTONES }, (_, i) => (i * 997 + 1) % rows);
  await call(server, 'POST', '/catalog/datasets/merged/tombstone', JSON.stringify({ row_keys: keys }));
  await make(server, 'compacted', 'SELECT * FROM merged');
  const results = [];
  for (const [name, sql] of CASES) results.push({ name, ...(await measure(server, sql, rounds)) });
  let written = 20;
  const write = () => call(server, 'POST', '/query/delta/merged', batch(written++, 1, rows));
  for (const [name, sql] of [CASES[0], CASES[3]])
    results.push({ name: `${name}, the first after an upsert`, ...(await measure(server, sql, 9, write)) });
  return { what: `${DELTAS} deltas of ${DELTA_ROWS} and ${TOMBSTONES} tombstones on ${rows} rows`, results };
}
