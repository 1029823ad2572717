// The hot cache beside plain DuckDB tables: a join of 1,000,000 rows with 100,000, from Parquet cold and warm, from the cache,
// and from DuckDB in a process of its own (tables in memory, tables in a file), in turns so that all see the same neighbours.
//
//     node bench/hot.mjs          ROUNDS=20 statements a turn, TURNS=5
import { spawn } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { makeTemporaryFolder, removeFolder, root, runLakehouse, startServer } from '../tests/lib/server.mjs';

const rounds = Number(process.env.ROUNDS ?? 20);
const turns = Number(process.env.TURNS ?? 5);
const processors = os.availableParallelism?.() ?? os.cpus().length;
const work = makeTemporaryFolder('lakehouse-bench-');
const lake = path.join(work, 'lake');
const joinSql = 'SELECT p.city, count(*), sum(f.hours) FROM facts f JOIN people p USING (person_id) GROUP BY ALL ORDER BY 1';

function run(name, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(path.join(root, 'build/release/bench', `bench_${name}`), args.map(String), { stdio: ['ignore', 'pipe', 'inherit'] });
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (part) => (text += part));
    child.on('error', reject);
    child.on('close', (code) => (code === 0 ? resolve(JSON.parse(text)) : reject(new Error(`bench_${name} ended with ${code}`))));
  });
}
const duckdb = async (count, setup, sql) => (await run('duckdb_run', [processors, '1GiB', count, setup, sql]))[0];

async function make(name, sql) {
  const csv = path.join(work, `${name}.csv`);
  await run('duckdb_run', [processors, '1GiB', 1, '', `COPY (${sql}) TO '${csv}' (HEADER)`]);
  const made = await runLakehouse(['ingest', csv, '--name', name, '--data', lake], { timeoutMs: 600_000 });
  if (made.code !== 0) throw new Error(made.stderr);
}
const parquet = (name) => {
  const folder = path.join(lake, 'objects/datasets', name, 'base');
  return `read_parquet([${readdirSync(folder).map((file) => `'${path.join(folder, file)}'`).join(', ')}])`;
};

await make('facts', `SELECT i AS id, (i * 7919) % 100000 AS person_id, round((i * 31 % 1600) / 100, 2) AS hours,
  DATE '2025-01-01' + (i % 365)::INTEGER AS day, 'shift ' || (i % 977) AS note FROM range(1000000) t(i)`);
await make('people', `SELECT i AS person_id, 'Person ' || i AS name, 'City ' || (i % 97) AS city FROM range(100000) t(i)`);
const tables = (where) => `CREATE TABLE ${where}facts AS FROM ${parquet('facts')}; CREATE TABLE ${where}people AS FROM ${parquet('people')}`;
const file = path.join(work, 'plain.duckdb');
await duckdb(1, `ATTACH '${file}' AS made; ${tables('made.')}; CHECKPOINT made; DETACH made`, 'SELECT 1');

const body = path.join(work, 'join.json');
writeFileSync(body, JSON.stringify({ sql: joinSql }));
let server = await startServer({ dataDir: lake });
const ask = async (count) => (await run('http_load', ['-n', count, '-b', body, `${server.url}/query/sql`])).accepted;
const cache = (what, dataset) =>
  fetch(`${server.url}/query/cache/${what}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(what === 'pin' ? { dataset, wait: true } : { dataset }),
  });

const figures = {};
const add = (name, value) => (figures[name] ??= []).push(value);
for (let turn = 0; turn < turns; turn++) {
  await server.stop();
  server = await startServer({ dataDir: lake });
  add('Parquet, first statement of a fresh server', (await ask(1)).p50_ms);
  await ask(3);
  add('Parquet, warm', (await ask(rounds)).p50_ms);
  await cache('pin', 'facts');
  await cache('pin', 'people');
  add('hot, first statement', (await ask(1)).p50_ms);
  await ask(3);
  add('hot', (await ask(rounds)).p50_ms);
  add('plain DuckDB, tables in memory', (await duckdb(rounds + 1, tables(''), joinSql)).p50_ms);
  add('plain DuckDB, tables in a file', (await duckdb(rounds + 1, `ATTACH '${file}' AS plain (READ_ONLY); USE plain`, joinSql)).p50_ms);
  await cache('evict', 'facts');
  await cache('evict', 'people');
}
await server.stop();
const best = (name) => Math.min(...figures[name]);
for (const name of Object.keys(figures))
  console.log(`${name.padEnd(46)} best ${best(name).toFixed(1)} ms, all ${figures[name].map((v) => v.toFixed(1)).join(' ')}`);
const plain = best('plain DuckDB, tables in a file');
console.log(`hot / plain DuckDB table (file) ${(best('hot') / plain).toFixed(2)}, (memory) ${(best('hot') / best('plain DuckDB, tables in memory')).toFixed(2)}; Parquet warm / hot ${(best('Parquet, warm') / best('hot')).toFixed(2)}`);
removeFolder(work);
