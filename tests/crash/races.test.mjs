// One server under ThreadSanitizer, everything at once: clients upsert, delete, restore and read one dataset (a model of it says what
// they must see), others append, read the past, compact, vacuum, pin and evict, flush the journal, search an index and tune it, and ask for
// everything that the server knows of itself.  A data race ends the program with a report (cmake/sanitizer_options.c).
//
// Needs a program built so (the tsan preset): $LAKEHOUSE_TSAN_BIN, or build/tsan/bin/lakehouse; skipped without.
//   LAKEHOUSE_RACE_SECONDS=20   how long (120 by make torture)
//   LAKEHOUSE_RACE_SEED=7       the same operations again; how they interleave is the machine's doing
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { root, startServer } from '../lib/server.mjs';
import { ask } from './ledger.mjs';
import { Client, NAME, Rows, compareAnswers, post, randomStream, sleep, sql, upkeep } from './model.mjs';

const program = path.resolve(root, process.env.LAKEHOUSE_TSAN_BIN ?? 'build/tsan/bin/lakehouse');
const seconds = Number(process.env.LAKEHOUSE_RACE_SECONDS ?? 20);
const seed = Number(process.env.LAKEHOUSE_RACE_SEED ?? (Date.now() % 100000) + 1);
const CLIENTS = 4;
const csv = { 'content-type': 'text/csv' };

const env = {
  LAKEHOUSE__CATALOG__CHECKPOINT_EVERY: '9',
  LAKEHOUSE__CATALOG__POLL_INTERVAL: '100ms',
  LAKEHOUSE__JOURNAL__FLUSH_INTERVAL: '1s',
  LAKEHOUSE__JOURNAL__MERGE_FILES: '2',
  LAKEHOUSE__MAINTENANCE__INTERVAL: '1s',
  LAKEHOUSE__MAINTENANCE__MIN_FILES: '4',
  LAKEHOUSE__CACHE__DEBOUNCE: '200ms',
  LAKEHOUSE__AGENT__ENABLED: 'true',
  LAKEHOUSE__AGENT__COOLDOWN: '1s',
  LAKEHOUSE__AGENT__MAX_TRIALS_PER_HOUR: '500',
};

/** Rows without a key; how many were acknowledged, how many only may be there. */
async function append(server, log) {
  const answer = await post(server, '/query/delta/log', [{ n: log.sent++ }, { n: log.sent++ }]);
  if (answer.status === 503) return; // busy: nothing was written
  assert.equal(answer.status, 200, answer.text);
  log.rows += 2;
}

/** What people and programs look at beside the rows. */
const questions = [
  ['GET', '/catalog/maintenance'],
  ['GET', `/catalog/datasets/by-name/${NAME}?count=exact`],
  ['GET', `/catalog/datasets/${NAME}/versions`],
  ['GET', `/catalog/datasets/${NAME}/tombstones`],
  ['GET', '/query/cache/stats'],
  ['GET', '/jobs'],
  ['GET', '/metrics'],
  ['GET', '/journal/recent'],
  ['GET', '/journal/history/3'],
  ['GET', '/journal/stats'],
  ['POST', '/journal/flush', {}],
  ['POST', '/query/sql', { sql: 'SELECT count(*) FROM system.files, system.jobs, system.queries' }],
  ['POST', '/query/sql', { sql: 'SELECT count(*) FROM system.events' }],
  ['POST', '/query/sql', { sql: `SELECT count(*) FROM ${NAME} JOIN log ON id = n` }],
  ['POST', '/catalog/vacuum', { dry_run: true }],
  ['POST', '/vectors/search', { index: 'names', query: 'n1', k: 3 }],
  ['POST', '/vectors/search', { index: 'names', query: 'n1', k: 3, mode: 'vector', text: false }],
  ['POST', '/vectors/refresh/notes', {}],
  ['GET', '/vectors/hnsw/promoted/names'],
  ['GET', '/vectors/hnsw/trials/names/best?metric=pareto'],
  ['GET', '/vectors/hnsw/cache/stats'],
  ['GET', '/vectors/hnsw/evals'],
  ['GET', '/vectors/agent/status'],
  ['POST', '/vectors/agent/enqueue/names'],
];

async function look(server, random) {
  const [method, route, body] = questions[random(questions.length)];
  const answer = await ask(server, method, route, body && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } });
  assert.ok(answer.status > 0 && answer.status < 500 || answer.status === 503, `${method} ${route}: ${answer.status} ${answer.text}`);
}

/** One index: new rows, trials, and other settings for it all the time. */
async function tune(server, random, log) {
  const ef = 10 + random(90);
  const rows = await ask(server, 'POST', '/ingest/file?name=notes&mode=append', { body: `id,text\n${log.notes++},n${ef} drifts\n`, headers: csv });
  const made = await post(server, '/vectors/hnsw/trial?wait=20', { index: 'names', ef_construction: ef, ef_search: ef });
  const id = made.json?.job?.result?.trial?.id ?? 1;
  const changed = await post(server, random(3) ? `/vectors/hnsw/promote/names/${id}` : '/vectors/hnsw/rollback/names');
  for (const answer of [rows, made, changed])
    assert.ok(answer.status > 0 && answer.status < 500 || answer.status === 503, `${answer.status} ${answer.text}`);
}

async function describe(server, random) {
  const answer = await ask(server, 'PATCH', `/catalog/datasets/by-name/${NAME}/metadata`, {
    body: JSON.stringify({ description: `d${random(1000)}` }),
    headers: { 'content-type': 'application/json' },
  });
  assert.equal(answer.status, 200, answer.text);
  await sleep(50);
}

async function begin(server) {
  const made = await ask(server, 'POST', `/ingest/file?name=${NAME}&primary_key=id&file_name=start.csv`, { body: 'id,name,score\n0,n0-0,1\n', headers: csv });
  assert.equal(made.status, 201, made.text);
  assert.equal((await ask(server, 'POST', '/ingest/file?name=log', { body: 'n\n0\n', headers: csv })).status, 201);
  assert.equal((await ask(server, 'POST', '/ingest/file?name=notes', { body: 'id,text\n1,n1 sails\n2,n2 rows\n', headers: csv })).status, 201);
  const index = await post(server, '/vectors/index', { name: 'names', dataset: 'notes', id_column: 'id', text_column: 'text', refresh: 'on_append' });
  assert.equal(index.status, 202, index.text);
}

test(`threads of one server race for nothing (seed ${seed})`, { skip: !existsSync(program) && `${program} is missing: tools/build.sh tsan` }, async () => {
  const server = await startServer({ program, env, timeoutMs: 120_000 });
  server.patienceMs = 300_000; // a tombstone between many upserts is computed again for each, and all is slow here
  const clients = Array.from({ length: CLIENTS }, (_, i) => new Client(i, CLIENTS, seed));
  const random = randomStream(seed);
  const log = { sent: 1, rows: 1, notes: 10 };
  const done = {};
  let asked = 0;
  try {
    await begin(server);
    clients[0].possible = [new Rows(new Map([[0, [0, 'n0-0', 1]]]))];
    const end = Date.now() + seconds * 1000;
    const run = async (work) => {
      while (Date.now() < end) {
        await work();
        asked++;
      }
    };
    await Promise.all([
      ...clients.map((client) => run(() => client.step(server))),
      run(() => upkeep(server, random, done)),
      run(() => append(server, log)),
      run(() => append(server, log)),
      run(() => look(server, random)),
      run(() => look(server, random)),
      run(() => tune(server, random, log)),
      run(() => describe(server, random)),
    ]);
    for (const client of clients) await client.look(server, { mustAnswer: true });
    await compareAnswers(server, clients);
    assert.deepEqual((await sql(server, 'SELECT count(*), count(DISTINCT n) FROM log')).json.rows, [[log.rows, log.rows]]);
    const metrics = (await ask(server, 'GET', '/metrics')).text;
    const [trials, switches] = ['trials_total{outcome="ok"}', 'switches_total'].map((name) => Number(metrics.split(`\nlakehouse_index_${name} `)[1].split('\n')[0]));
    assert.ok(trials > 0 && switches > 0, `${trials} trials, ${switches} switches`);
    console.log(`# ${asked} requests, upkeep ${JSON.stringify(done)}, ${trials} trials, ${switches} switches`);
  } finally {
    const { code } = await server.stop({ graceMs: 60_000 });
    assert.equal(code, 0, server.logs.slice(-20_000));
    assert.ok(!server.logs.includes('ThreadSanitizer'), server.logs.slice(-20_000));
  }
});
