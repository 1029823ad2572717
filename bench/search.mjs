// Searches over HTTP in 100,000 documents of 768 dimensions, the demo's resumes: latency and recall beside exact answers by SQL, many
// clients, a filter, a restart, an append, a switch of generations under load, a trial and its promotion.
//   SCALE=1        of the demo lake: 100,000 resumes
//   QUERIES=100    questions whose exact answers are computed
import { execFile, execFileSync } from 'node:child_process';
import path from 'node:path';
import { performance } from 'node:perf_hooks';
import { promisify } from 'node:util';
import { writeFileSync } from 'node:fs';
import { binary, makeTemporaryFolder, removeFolder, root, startServer } from '../tests/lib/server.mjs';

const scale = Number(process.env.SCALE ?? 1);
const count = Number(process.env.QUERIES ?? 100);
const K = 10, DIMENSIONS = 768, APPENDED = Math.round(10_000 * scale);
const run = promisify(execFile);
const line = (name, value) => console.log(`${name.padEnd(64)} ${value}`);
const ms = (value) => `${value.toFixed(value < 10 ? 2 : 0)} ms`;
const folder = makeTemporaryFolder('lakehouse-bench-');
const dataDir = path.join(folder, 'data');

async function call(server, method, route, body, headers = { 'content-type': 'application/json' }) {
  const answer = await fetch(server.url + route, { method, body: typeof body === 'object' ? JSON.stringify(body) : body, headers });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${route}: ${answer.status} ${text.slice(0, 500)}`);
  return JSON.parse(text);
}
const rowsOf = async (server, sql) => (await call(server, 'POST', '/query/sql', { sql, limit: 1_000_000 })).rows;

async function finished(server, id) {
  for (;;) {
    const job = await call(server, 'GET', `/vectors/jobs/${id}`);
    if (job.state === 'done') return job;
    if (!['queued', 'running', 'waiting'].includes(job.state)) throw new Error(`the job failed: ${JSON.stringify(job)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Closed loop over `bodies`, each a search; the report of bench/http_load.c. */
async function load(server, bodies, ...options) {
  const file = path.join(folder, 'bodies');
  writeFileSync(file, bodies.map((body) => JSON.stringify({ index: 'resumes', k: K, ...body })).join('\n'));
  const { stdout } = await run(path.join(root, 'build/release/bench/bench_http_load'), [...options.map(String), '-B', file, `${server.url}/vectors/search`]);
  return JSON.parse(stdout);
}

/** Vectors of the index with noise on top, so that no answer is the question itself. */
async function questions(server, parquet) {
  const total = (await rowsOf(server, `SELECT count(*) FROM read_parquet('${parquet}')`))[0][0];
  const step = Math.max(1, Math.floor(total / count));
  const rows = await rowsOf(server, `SELECT vector::FLOAT[] FROM read_parquet('${parquet}', file_row_number = true)
    WHERE file_row_number % ${step} = 0 LIMIT ${count}`);
  let state = 42;
  const random = () => ((state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32 - 0.5);
  return rows.map(([vector]) => vector.map((x) => Number((x + random() * 0.06).toFixed(5))));
}

const exactSql = (parquet, vector, where) => `SELECT p.doc_id FROM read_parquet('${parquet}') p ${where}
  ORDER BY array_cosine_similarity(p.vector::FLOAT[${DIMENSIONS}], [${vector}]::FLOAT[${DIMENSIONS}]) DESC LIMIT ${K}`;

async function recall(server, parquet, vectors, more, where = '') {
  let found = 0, wanted = 0;
  for (const vector of vectors) {
    const exact = new Set((await rowsOf(server, exactSql(parquet, vector, where))).map(([id]) => String(id)));
    const { hits } = await call(server, 'POST', '/vectors/search', { index: 'resumes', vector, k: K, mode: 'vector', ...more });
    found += hits.filter((hit) => exact.has(hit.doc_id)).length;
    wanted += exact.size;
  }
  return found / wanted;
}

const words = ['icu nurse austin', 'forklift driver warehouse', 'senior java developer spring', 'commercial electrician', 'payroll accountant cpa',
  'welder pipe fitter', 'call center customer service', 'project manager agile', 'pediatric nurse', 'truck driver cdl', 'python data analyst', 'hvac technician'];

async function measure(server, parquet) {
  const vectors = await questions(server, parquet);
  const given = vectors.map((vector) => ({ vector, mode: 'vector' }));
  const asked = words.map((query) => ({ query }));
  const filter = 'candidate_id % 100 = 7';
  const share = `JOIN candidates c ON c.candidate_id = p.doc_id::BIGINT AND c.${filter}`;
  const filtered = given.map((body) => ({ ...body, filter }));
  for (const [name, goal, bodies] of [
    ['a given vector', '1.2 ms', given],
    ['words, hybrid', '6 ms', asked],
    ['words alone', '', asked.map((body) => ({ ...body, mode: 'text' }))],
    ['a given vector, a filter of 1 %', '3 ms', filtered],
  ]) {
    await load(server, bodies, '-n', 20);
    const one = await load(server, bodies, '-n', 500);
    const many = await load(server, bodies, '-c', 32, '-d', 5);
    line(`${name}${goal && ` (goal ${goal})`}`, `p50 ${ms(one.accepted.p50_ms)}, p99 ${ms(one.accepted.p99_ms)}; 32 clients ${many.accepted_per_second.toFixed(0)}/s, p50 ${ms(many.accepted.p50_ms)}`);
  }
  line(`recall@${K} of a given vector (goal 0.99)`, (await recall(server, parquet, vectors, {})).toFixed(4));
  line(`recall@${K} with the filter (goal 0.95)`, (await recall(server, parquet, vectors.slice(0, 30), { filter }, share)).toFixed(4));
  return given;
}

async function append(server) {
  const csv = await (await fetch(`${server.url}/query/sql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'text/csv' },
    body: JSON.stringify({ sql: `SELECT * REPLACE (candidate_id + 10000000 AS candidate_id, resume_text || ' again' AS resume_text) FROM candidates LIMIT ${APPENDED}`, limit: 1e6 }),
  })).text();
  await call(server, 'POST', '/ingest/file?name=candidates&mode=append&file_name=more.csv', csv, { 'content-type': 'text/csv' });
  const before = (await call(server, 'GET', '/vectors/indexes/resumes')).generation.segments.length;
  const began = performance.now();
  const { jobs } = await call(server, 'POST', '/vectors/refresh/candidates', { index_name: 'resumes' });
  await finished(server, jobs[0].job_id);
  const after = (await call(server, 'GET', '/vectors/indexes/resumes')).generation.segments.length;
  line(`${APPENDED} documents appended: read, compared, embedded, searchable`, `${ms(performance.now() - began)}; segments ${before} to ${after}`);
}

/** The same searches before and while a generation is built and switched to. */
async function switchUnderLoad(server, given) {
  const steady = await load(server, given, '-c', 4, '-d', 5);
  const { jobs } = await call(server, 'POST', '/vectors/refresh/candidates', { index_name: 'resumes', rebuild: true });
  const building = load(server, given, '-c', 4, '-d', 30);
  await finished(server, jobs[0].job_id);
  const during = await building;
  line('4 clients while a generation is rebuilt and switched to', `${during.requests - during.accepted.count} of ${during.requests} failed; p99 ${ms(during.accepted.p99_ms)} beside ${ms(steady.accepted.p99_ms)} (goal 2x)`);
}

/** A trial beside the index, then its settings promoted: searches while the graph is built, and after the switch. */
async function promoteUnderLoad(server, given) {
  const { job } = await call(server, 'POST', '/vectors/hnsw/trial?wait=600', { index: 'resumes', ef_construction: 80, ef_search: 60 });
  const { measured, rows } = job.result.trial;
  line(`a trial over ${rows} chunks, ef_construction 80, ef_search 60`,
    `recall ${measured.recall.toFixed(4)}, p50 ${ms(measured.p50_us / 1000)}, p99 ${ms(measured.p99_us / 1000)}, built in ${ms(measured.build_ms)}, ${(measured.memory_bytes / 1e6).toFixed(0)} MB`);
  const steady = await load(server, given, '-c', 4, '-d', 5);
  await call(server, 'POST', `/vectors/hnsw/promote/resumes/${job.result.trial.id}`, undefined, {});
  const began = performance.now();
  const building = load(server, given, '-c', 4, '-d', Math.ceil(measured.build_ms / 1000) + 1); // hardly longer than the build
  while ((await call(server, 'GET', '/vectors/hnsw/promoted/resumes')).state === 'building') await new Promise((resolve) => setTimeout(resolve, 50));
  const took = performance.now() - began;
  const during = await building;
  line('4 clients while a promoted graph is built and switched to', `${during.requests - during.accepted.count} of ${during.requests} failed; p99 ${ms(during.accepted.p99_ms)} beside ${ms(steady.accepted.p99_ms)} (goal 2x); built in ${ms(took)}`);
}

async function restart(given) {
  const server = await startServer({ dataDir });
  const began = performance.now();
  await call(server, 'POST', '/vectors/search', { index: 'resumes', k: K, ...given[0] });
  line('first answer after a restart (goal of opening: 50 ms)', ms(performance.now() - began));
  await server.stop();
}

try {
  execFileSync(binary, ['demo', '--data', dataDir, '--scale', String(scale), '--no-index'], { stdio: 'ignore' });
  const server = await startServer({ dataDir });
  let given;
  try {
    const began = performance.now();
    const { job_id } = await call(server, 'POST', '/vectors/index', {
      name: 'resumes', dataset: 'candidates', id_column: 'candidate_id', text_column: 'resume_text', dimensions: DIMENSIONS, chunk_size: 2000,
    });
    await finished(server, job_id);
    const { generation } = await call(server, 'GET', '/vectors/indexes/resumes');
    line(`${generation.rows} chunks of ${DIMENSIONS} dimensions read, embedded, indexed`, ms(performance.now() - began));
    given = await measure(server, path.join(dataDir, 'objects', generation.segments[0].parquet));
    await append(server);
    await switchUnderLoad(server, given);
    await promoteUnderLoad(server, given);
  } finally {
    await server.stop();
  }
  await restart(given);
} finally {
  removeFolder(folder);
}
