// A compaction of a keyed dataset four times as large as its memory ceiling: time beside DuckDB's own COPY of the same rows in the
// same order, and the most memory that its worker held.
import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { performance } from 'node:perf_hooks';
import { promisify } from 'node:util';
import { makeTemporaryFolder, query, root, startServer } from '../tests/lib/server.mjs';
import { family } from './lib/processes.mjs';

const ceiling = Number(process.env.CEILING_MB ?? 512);
const wanted = Number(process.env.SIZE_MB ?? 4 * ceiling);
const rounds = Number(process.env.ROUNDS ?? 2);
const FILES = 8;
const runner = path.join(root, 'build/release/bench/bench_duckdb_run');
const folder = makeTemporaryFolder();
const inputs = path.join(folder, 'objects', 'bench');
mkdirSync(inputs, { recursive: true });

const runFile = promisify(execFile);
async function duckdb(memoryMb, setup, ...statements) {
  return JSON.parse((await runFile(runner, ['2', `${memoryMb}MB`, '1', setup, ...statements])).stdout);
}

// A row has 44 bytes in memory, and about half of that in the files.
const rows = Math.round((wanted * 1e6) / 44);
const each = Math.ceil(rows / FILES);
for (let i = 0; i < FILES; i++)
  await duckdb(2000, 'SELECT 1', `COPY (SELECT (i * 7919) % ${rows} AS id, md5(i::VARCHAR) AS text, i % 1000 AS n FROM range(${i * each}, ${Math.min(rows, (i + 1) * each)}) t(i)) TO '${inputs}/${i}.parquet' (FORMAT parquet, COMPRESSION zstd)`);
const bytes = readdirSync(inputs).reduce((sum, name) => sum + statSync(path.join(inputs, name)).size, 0);
console.log(`${rows} rows in ${FILES} files, ${(bytes / 1e6).toFixed(0)} MB; ceiling ${ceiling} MB`);

const server = await startServer({
  dataDir: folder,
  env: { LAKEHOUSE__MAINTENANCE__MEMORY_BYTES: `${ceiling}MB`, LAKEHOUSE__MAINTENANCE__COMPACT: 'false' },
});
const headers = { 'content-type': 'application/json' };
async function ask(method, route, body) {
  const reply = await fetch(server.url + route, { method, headers, body: body && JSON.stringify(body) });
  const json = await reply.json();
  if (!reply.ok) throw new Error(`${route}: ${JSON.stringify(json)}`);
  return json;
}
const keys = Array.from({ length: FILES }, (_, i) => `bench/${i}.parquet`);
await ask('POST', '/catalog/datasets', { name: 'facts', keys });
await ask('PATCH', '/catalog/datasets/by-name/facts/metadata', { primary_key: ['id'] });

const others = new Set(family(server.pid));
let most = 0;
const watch = setInterval(() => {
  for (const pid of family(server.pid)) {
    if (others.has(pid)) continue; // the server, its engine host, its warm workers
    try {
      most = Math.max(most, Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024);
    } catch {
      // gone meanwhile
    }
  }
}, 20);

async function compaction() {
  const began = performance.now();
  const { job_id } = await ask('POST', '/query/compact', { dataset: 'facts', full: true });
  for (;;) {
    const job = await ask('GET', `/jobs/${job_id}`);
    if (job.state === 'done') return { ms: performance.now() - began, result: job.result };
    if (!['queued', 'running'].includes(job.state)) throw new Error(JSON.stringify(job));
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

// Both read the same files: those of the first version.
const list = keys.map((key) => `'${path.join(folder, 'objects', key)}'`).join(', ');
const out = path.join(folder, 'peer');
const copy = async (memoryMb) => {
  rmSync(out, { recursive: true, force: true });
  const [run] = await duckdb(memoryMb, `SET temp_directory = '${folder}/spill'`, `COPY (SELECT * FROM read_parquet([${list}]) ORDER BY id) TO '${out}' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 61440, FILE_SIZE_BYTES '128MB')`);
  return run.first_ms;
};
let ours = Infinity, tight = Infinity, roomy = Infinity, result;
for (let round = 0; round < rounds; round++) {
  tight = Math.min(tight, await copy(ceiling));
  roomy = Math.min(roomy, await copy(2000));
  const run = await compaction();
  ours = Math.min(ours, run.ms);
  result = run.result;
}
clearInterval(watch);
const mbs = (ms) => `${(bytes / 1e3 / ms).toFixed(0)} MB/s`;
console.log(`COPY ... ORDER BY with the same memory: ${tight.toFixed(0)} ms (${mbs(tight)}); with 2 GB: ${roomy.toFixed(0)} ms (${mbs(roomy)})`);
console.log(`compaction, to its durable commit: ${ours.toFixed(0)} ms (${mbs(ours)}), ${(ours / tight).toFixed(2)}x and ${(ours / roomy).toFixed(2)}x`);
console.log(`most memory of its worker: ${most.toFixed(0)} MB of ${ceiling} MB; ${result.files_in} files became ${result.files_out}`);
console.log(`rows afterwards: ${(await query(server, 'SELECT count(*) FROM facts')).rows[0][0]}`);
await server.stop();
