// The hot cache: what is pinned is read from a DuckDB file, and never a row that is not there any more.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { makeTemporaryFolder, runLakehouse, startServer } from './server.mjs';

const folder = makeTemporaryFolder();
const start = (env = {}) => startServer({ dataDir: folder, env: { LAKEHOUSE__CACHE__DEBOUNCE: '0s', ...env } });
let server;

before(async () => {
  server = await start();
});
after(() => server.stop());

async function ask(method, route, body) {
  const reply = await fetch(server.url + route, {
    method,
    body: body === undefined ? undefined : JSON.stringify(body),
    headers: body === undefined ? {} : { 'content-type': 'application/json' },
  });
  const text = await reply.text();
  return { status: reply.status, ...(text ? JSON.parse(text) : {}) };
}

async function ingest(name, csv, mode) {
  const reply = await fetch(`${server.url}/ingest/file?name=${name}&mode=${mode}&file_name=${name}.csv`, {
    method: 'POST',
    headers: { 'content-type': 'text/csv' },
    body: csv,
  });
  assert.equal(reply.status < 300, true, await reply.text());
}

async function rows(sql, more = {}) {
  const answer = await ask('POST', '/query/sql', { sql, ...more });
  assert.equal(answer.status, 200, `${sql}: ${answer.detail}`);
  return answer.rows;
}

const stats = () => ask('GET', '/query/cache/stats');
const pin = (dataset) => ask('POST', '/query/cache/pin', { dataset, wait: true });
const files = () => readdirSync(`${folder}/cache/hot`).filter((name) => name.endsWith('.duckdb'));
const plan = async (sql) => (await ask('POST', '/query/explain', { sql })).plan;

async function until(what, condition) {
  for (let tries = 0; tries < 200; tries++) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.fail(`${what} did not come: ${JSON.stringify(await stats())}`);
}
const hot = (dataset) => async () => (await stats()).datasets.some((d) => d.dataset === dataset && d.state === 'hot');

test('a pinned dataset is read from its file, with its types', async () => {
  await ingest('kinds', 'id,day,rate,name\n1,2026-01-02,1.25,Zoë\n2,2026-01-03,,"a ""b"" c"\n', 'create');
  const before_ = await ask('POST', '/query/sql', { sql: 'FROM kinds ORDER BY id' });
  assert.match(await plan('FROM kinds'), /PARQUET/);
  const pinned = await pin('kinds');
  assert.equal(pinned.status, 200, JSON.stringify(pinned));
  assert.equal(pinned.state, 'hot');
  assert.ok(pinned.size_bytes > 0);
  const after_ = await ask('POST', '/query/sql', { sql: 'FROM kinds ORDER BY id' });
  assert.deepEqual([after_.columns, after_.rows], [before_.columns, before_.rows]);
  assert.doesNotMatch(await plan('FROM kinds'), /PARQUET/);
  assert.match(await plan('FROM kinds'), /SEQ_SCAN|TABLE_SCAN/);
  const [entry] = (await stats()).datasets;
  assert.equal(entry.reads > 0, true);
  assert.deepEqual(await rows('SELECT count(*) FROM kinds AS a JOIN kinds AS b USING (id)'), [[2]]);
});

test('a commit is seen at once, and loaded behind', async () => {
  await ingest('grows', 'n\n0\n', 'create');
  await pin('grows');
  const version = (await ask('GET', '/catalog/datasets/by-name/grows')).version;
  for (let i = 1; i <= 10; i++) {
    await ingest('grows', `n\n${i}\n`, 'append');
    assert.deepEqual(await rows('SELECT count(*), max(n) FROM grows'), [[i + 1, i]]);
    if (i % 3 === 0) await until('grows hot again', hot('grows'));
  }
  assert.deepEqual(await rows('SELECT count(*) FROM grows', { as_of: version }), [[1]]);
  assert.deepEqual(await rows(`SELECT count(*) FROM grows AT (VERSION => ${version})`), [[1]]);
  await until('grows hot', hot('grows'));
  assert.deepEqual(await rows('SELECT count(*) FROM grows'), [[11]]);
  await until('old files gone', () => files().length === 2);
  // A change that touches no rows leaves it hot.
  const { loads } = (await stats()).datasets.find((d) => d.dataset === 'grows');
  await ask('PATCH', '/catalog/datasets/by-name/grows/metadata', { description: 'grows' });
  assert.doesNotMatch(await plan('FROM grows'), /PARQUET/);
  assert.equal((await stats()).datasets.find((d) => d.dataset === 'grows').loads, loads);
});

test('concurrent pins load once', async () => {
  await ingest('once', `n\n${[...Array(5000).keys()].join('\n')}\n`, 'create');
  const answers = await Promise.all([...Array(12)].map(() => pin('once')));
  assert.deepEqual([...new Set(answers.map((a) => a.state))], ['hot']);
  assert.equal((await stats()).datasets.find((d) => d.dataset === 'once').loads, 1);
});

test('no reader sees what a model does not', async () => {
  await ingest('raced', 'n\n0\n', 'create');
  await pin('raced');
  let acknowledged = 1;
  let begun = 1;
  let stop = false;
  let read = 0;
  const reader = async () => {
    while (!stop) {
      const least = acknowledged;
      const [[count, max]] = await rows('SELECT count(*), max(n) FROM raced');
      assert.ok(count >= least && count <= begun, `${count} rows where ${least} to ${begun} are true`);
      assert.equal(max, count - 1);
      read++;
    }
  };
  const pinner = async () => {
    while (!stop) {
      await ask('POST', '/query/cache/evict', { dataset: 'raced' });
      await ask('POST', '/query/cache/pin', { dataset: 'raced' });
      await new Promise((resolve) => setTimeout(resolve, 60));
    }
  };
  const work = [reader(), reader(), reader(), pinner()];
  for (let i = 1; i <= 25; i++) {
    begun++;
    await ingest('raced', `n\n${i}\n`, 'append');
    acknowledged++;
    if (i % 5 === 0) await new Promise((resolve) => setTimeout(resolve, 150));
  }
  stop = true;
  await Promise.all(work);
  assert.ok(read > 20);
  await pin('raced');
  assert.deepEqual(await rows('SELECT count(*) FROM raced'), [[26]]);
});

test('what is gone, renamed away or never was', async () => {
  assert.equal((await pin('nobody')).status, 404);
  assert.equal((await ask('POST', '/query/cache/evict', { dataset: 'nobody' })).status, 404);
  await ingest('leaves', 'n\n1\n', 'create');
  await pin('leaves');
  const deleted = await (await fetch(`${server.url}/catalog/datasets/by-name/leaves`, { method: 'DELETE' })).json();
  assert.equal(deleted.unpinned, true, 'a pin is the dataset’s and goes with it');
  assert.equal((await ask('POST', '/query/sql', { sql: 'FROM leaves' })).status, 400);
  await until('leaves gone', async () => !(await stats()).datasets.some((d) => d.dataset === 'leaves'));
  await ask('POST', '/query/cache/evict', { dataset: 'once' });
  assert.match(await plan('FROM once'), /PARQUET/);
  assert.equal((await ask('POST', '/query/sql', { sql: 'FROM once LIMIT 1' })).status, 200);
});

test('pins outlive a kill, files are made again', async () => {
  const pinned = JSON.parse(readFileSync(`${folder}/cache/pins.json`, 'utf8')).pins.length;
  await ingest('big', `n,t\n${[...Array(200_000).keys()].map((n) => `${n},text ${n}`).join('\n')}\n`, 'create');
  await ask('POST', '/query/cache/pin', { dataset: 'big' }); // being loaded
  await server.kill9();
  writeFileSync(`${folder}/cache/hot/9-strange.duckdb`, 'left over');
  server = await start();
  assert.deepEqual(await rows('SELECT count(*), max(n) FROM big'), [[200_000, 199_999]]);
  await until('big hot', hot('big'));
  assert.deepEqual(await rows('SELECT count(*), max(n) FROM big'), [[200_000, 199_999]]);
  await until('all hot', async () => (await stats()).loaded === pinned + 1);
  assert.ok(!readdirSync(`${folder}/cache/hot`).includes('9-strange.duckdb'));
});

test('the size is bounded, and what is read often comes by itself', async () => {
  const { used_bytes } = await stats();
  await server.stop();
  server = await start({ LAKEHOUSE__CACHE__HOT_BYTES: String(used_bytes + 700_000), LAKEHOUSE__CACHE__ADMIT_READS: '3' });
  await until('pins hot', async () => (await stats()).loaded === (await stats()).pinned);
  for (const name of ['one', 'two', 'three', 'four', 'five']) {
    await ingest(name, 'n\n1\n', 'create');
    for (let i = 0; i < 4; i++) await rows(`FROM ${name}`);
    await until(`${name} hot`, hot(name));
    const now = await stats();
    assert.ok(now.used_bytes <= now.max_bytes);
  }
  const now = await stats();
  assert.ok(now.evictions > 0, JSON.stringify(now));
  assert.ok(now.datasets.filter((d) => d.pinned).every((d) => d.state === 'hot'));
  await ingest('huge', `t\n${[...Array(100_000).keys()].map((n) => `${n}${Math.random()}${Math.random()}`).join('\n')}\n`, 'create');
  const refused = await pin('huge');
  assert.equal(refused.status, 202);
  assert.equal(refused.error, 'limit');
  assert.match(refused.message, /cache.hot_bytes/);
  assert.equal((await rows('SELECT count(*) FROM huge'))[0][0], 100_000);
});

test('the command line pins and lists', async () => {
  const run = async (...args) => (await runLakehouse([...args, '--server', server.url])).stdout;
  assert.match(await run('pin', 'kinds'), /kinds +hot +pinned/);
  assert.match(await run('pin'), /kinds +hot +pinned/);
  assert.match(await run('unpin', 'kinds'), /Parquet/);
  assert.doesNotMatch(await run('pin'), /kinds/);
});
