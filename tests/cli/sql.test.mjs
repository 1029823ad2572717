// `lakehouse sql` that is not typed: statements from everywhere, every format, to a folder and to a server; errors; pipes.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { binary, makeTemporaryFolder, runLakehouse, startServer } from '../lib/server.mjs';

let server;
const folder = makeTemporaryFolder();
const cwd = makeTemporaryFolder();
before(async () => {
  writeFileSync(path.join(cwd, 'staff.csv'), 'id,name,rate\n1,Zoë,12.50\n2,José,9.00\n3,,11.25\n');
  const made = await runLakehouse(['ingest', 'staff.csv', '--data', folder], { cwd });
  assert.equal(made.code, 0, made.stderr);
  server = await startServer();
  const sent = await runLakehouse(['ingest', 'staff.csv', '--server', server.url], { cwd });
  assert.equal(sent.code, 0, sent.stderr);
});
after(() => server.stop());

const sql = (args, options) => runLakehouse(['sql', ...args], { cwd, ...options });
const places = { 'a folder': () => ['--data', folder], 'a server': () => ['--server', server.url] };

for (const [name, place] of Object.entries(places)) {
  test(`every format from ${name}`, async () => {
    const statement = ['-c', 'SELECT id, name FROM staff ORDER BY id'];
    const table = await sql([...place(), ...statement], { env: { LC_ALL: 'C.UTF-8' } });
    assert.match(
      table.stdout,
      /^┌────┬──────┐\n│ id │ name │\n├────┼──────┤\n│ {2}1 │ Zoë {2}│\n│ {2}2 │ José │\n│ {2}3 │ NULL │\n└────┴──────┘\n3 rows \(\d+\.\d ms\)\n$/,
    );
    const csv = await sql([...place(), '--csv', ...statement]);
    assert.equal(csv.stdout, 'id,name\r\n1,Zoë\r\n2,José\r\n3,\r\n');
    const ndjson = await sql([...place(), '--ndjson', ...statement]);
    assert.equal(ndjson.stdout, '{"id":1,"name":"Zoë"}\n{"id":2,"name":"José"}\n{"id":3,"name":null}\n');
    const json = JSON.parse((await sql([...place(), '--json', ...statement])).stdout);
    assert.deepEqual(json.rows, [[1, 'Zoë'], [2, 'José'], [3, null]]);
    assert.equal(json.row_count, 3);
    const parquet = await sql([...place(), '--parquet', 'out.parquet', ...statement]);
    assert.deepEqual(parquet, { code: 0, signal: null, stdout: '', stderr: '' });
    const bytes = readFileSync(path.join(cwd, 'out.parquet'));
    assert.equal(bytes.subarray(0, 4).toString() + bytes.subarray(-4).toString(), 'PAR1PAR1');
  });

  test(`an error from ${name} shows the place`, async () => {
    const failed = await sql([...place(), '-c', 'SELECT nam FROM staff']);
    assert.equal(failed.code, 1);
    assert.equal(failed.stdout, '');
    assert.match(failed.stderr, /^lakehouse: .*"nam"/);
    assert.match(failed.stderr, /\nLINE 1: SELECT nam FROM staff\n {15}\^\n {2}hint: did you mean name or rate\?\n$/);
    const json = await sql([...place(), '--json', '-c', 'SELECT nam FROM staff']);
    assert.equal(json.code, 1);
    const problem = JSON.parse(json.stderr);
    assert.equal(problem.position, 8);
    assert.equal(problem.code, 'sql');
  });
}

test('statements from a file, from standard input, and several at once', async () => {
  writeFileSync(path.join(cwd, 'two.sql'), "-- first; not yet\nSELECT 'a;b' AS t;\n/* ; */ SELECT $$;$$ AS u\n");
  const place = places['a server']();
  const wanted = 't\r\na;b\r\nu\r\n;\r\n';
  assert.equal((await sql([...place, '--csv', 'two.sql'])).stdout, wanted);
  const text = readFileSync(path.join(cwd, 'two.sql'), 'utf8');
  for (const args of [[], ['-']]) assert.equal((await sql([...place, '--csv', ...args], { stdin: text })).stdout, wanted);
  assert.equal((await sql([...place, '--csv', '-c', text])).stdout, wanted);
});

test('of several statements the first that fails is the last', async () => {
  const run = await sql([...places['a server'](), '--csv', '-c', 'SELECT 1 AS a; SELECT nothing; SELECT 3 AS c']);
  assert.equal(run.code, 1);
  assert.equal(run.stdout, 'a\r\n1\r\n');
});

test('nothing to run, a file that is missing', async () => {
  for (const stdin of ['', ' ; -- only a comment\n']) {
    const run = await sql(places['a server'](), { stdin });
    assert.equal(run.code, 2);
    assert.match(run.stderr, /there is no SQL to run/);
  }
  const run = await sql([...places['a server'](), 'missing.sql']);
  assert.equal(run.code, 1);
  assert.match(run.stderr, /cannot open "missing\.sql": No such file/);
});

test('--limit, and the note that there is more', async () => {
  const run = await sql([...places['a server'](), '--limit', '2', '-c', 'FROM range(10)']);
  assert.match(run.stdout, /2 rows shown, there are more: --limit N/);
  const csv = await sql([...places['a server'](), '--limit', '2', '--csv', '-c', 'FROM range(10)']);
  assert.equal(csv.stdout.split('\r\n').length, 4);
  const all = await sql([...places['a server'](), '--csv', '-c', 'FROM range(2500)']);
  assert.equal(all.stdout.split('\r\n').length, 2502, 'only a drawn table is limited by itself');
});

test('--timeout ends what takes too long', async () => {
  const run = await sql([...places['a folder'](), '--timeout', '200ms', '-c', 'SELECT count(*) FROM range(10000000000000)']);
  assert.equal(run.code, 1);
  assert.match(run.stderr, /time limit of 200 ms passed/);
});

test('--as-of reads an older version, and names the versions there are', async () => {
  const data = makeTemporaryFolder();
  writeFileSync(path.join(cwd, 'v.csv'), 'x\n1\n');
  await runLakehouse(['ingest', 'v.csv', '--data', data], { cwd });
  writeFileSync(path.join(cwd, 'v.csv'), 'x\n2\n');
  const second = await runLakehouse(['ingest', 'v.csv', '--data', data, '--mode', 'append', '--json'], { cwd });
  const { version } = JSON.parse(second.stdout);
  const count = async (...args) => (await sql(['--data', data, '--csv', ...args, '-c', 'SELECT sum(x) AS s FROM v'])).stdout;
  assert.equal(await count(), 's\r\n3\r\n');
  assert.equal(await count('--as-of', String(version - 1)), 's\r\n1\r\n');
  assert.equal(await count('--as-of', new Date(Date.now() + 1000).toISOString()), 's\r\n3\r\n');
  const future = await sql(['--data', data, '--as-of', '999', '-c', 'FROM v']);
  assert.equal(future.code, 1);
  assert.match(future.stderr, /no catalog version 999; the versions go from \d+ to \d+/);
  const nonsense = await sql(['--data', data, '--as-of', 'yesterday', '-c', 'FROM v']);
  assert.equal(nonsense.code, 1);
  assert.match(nonsense.stderr, /version \(a number\) nor a time/);
});

test('a reader that leaves early ends it quietly', () => {
  const script = '"$LAKEHOUSE" sql --data "$DATA" --csv -c "FROM range(20000000)" | head -2; echo "${PIPESTATUS[0]}"';
  const run = spawnSync('bash', ['-c', script], { env: { ...process.env, LAKEHOUSE: binary, DATA: folder }, encoding: 'utf8' });
  assert.equal(run.stdout, 'range\r\n0\r\n141\n'); // 128 + SIGPIPE
  assert.equal(run.stderr, '');
});

test('a full disk is not success', { skip: !existsSync('/dev/full') && 'there is no /dev/full' }, () => {
  const full = openSync('/dev/full', 'w');
  for (const format of [[], ['--csv']]) {
    const run = spawnSync(binary, ['sql', '--data', folder, ...format, '-c', 'FROM staff'], { stdio: ['ignore', full, 'pipe'], encoding: 'utf8' });
    assert.equal(run.status, 1);
    assert.match(run.stderr, /cannot write standard output/);
  }
  closeSync(full);
});

test('a Parquet file that cannot be written, and one whose query fails', async () => {
  const nowhere = await sql([...places['a server'](), '--parquet', 'no/such/folder.parquet', '-c', 'SELECT 1 AS a']);
  assert.equal(nowhere.code, 1);
  assert.match(nowhere.stderr, /cannot write "no\/such\/folder\.parquet": No such file/);
  const failed = await sql([...places['a server'](), '--parquet', 'failed.parquet', '-c', 'SELECT nothing']);
  assert.equal(failed.code, 1);
  assert.ok(!existsSync(path.join(cwd, 'failed.parquet')));
});

test('a folder that is not there', async () => {
  const run = await sql(['--data', 'no-such-lake', '-c', 'SELECT 1']);
  assert.equal(run.code, 1);
  assert.match(run.stderr, /there is no data folder "no-such-lake"\n {2}hint: 'lakehouse demo/);
  assert.ok(!existsSync(path.join(cwd, 'no-such-lake')));
});
