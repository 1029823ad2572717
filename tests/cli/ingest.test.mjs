// Files from the command line into a folder and into a server: what is printed, and what the exit code says.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { makeTemporaryFolder, query, root, runLakehouse, startServer } from '../lib/server.mjs';

const csvOf = async (data, sql) => {
  const asked = await runLakehouse(['sql', '--data', data, '--csv', '-c', sql]);
  assert.equal(asked.code, 0, asked.stderr);
  return asked.stdout.replaceAll('\r\n', '\n');
};

function writeFiles(files) {
  const folder = makeTemporaryFolder();
  for (const [name, bytes] of Object.entries(files)) writeFileSync(path.join(folder, name), bytes);
  return folder;
}

test('one file: rows, flags, and SQL at once; a second time there is nothing to do', async () => {
  const data = makeTemporaryFolder();
  const cwd = writeFiles({ 'people.csv': 'id,email\n1,ann@example.com\n2,bob@example.com\n' });
  const first = await runLakehouse(['ingest', 'people.csv', '--data', data], { cwd });
  assert.equal(first.code, 0, first.stderr);
  assert.match(first.stdout, /^people\.csv -> people: 2 rows\n {2}email looks like email: /);
  assert.equal(await csvOf(data, 'SELECT sum(id) AS s FROM people'), 's\n3\n');
  const second = await runLakehouse(['ingest', 'people.csv', '--data', data], { cwd });
  assert.equal(second.code, 0, second.stderr);
  assert.match(second.stdout, /already there, nothing to do/);
});

test('many files, one of them unusable: the others are in, exit code 3 names the odd one', async () => {
  const data = makeTemporaryFolder();
  const cwd = writeFiles({ 'a.csv': 'x\n1\n', 'b.parquet': 'PAR1 this is no Parquet file at all PAR1', 'c.csv': 'x\n3\n' });
  mkdirSync(path.join(cwd, 'folder'));
  const made = await runLakehouse(['ingest', 'a.csv', 'b.parquet', 'missing.csv', 'folder', 'c.csv', '--data', data], { cwd });
  assert.equal(made.code, 3, made.stderr);
  assert.match(made.stdout, /^a\.csv -> a: 1 rows?\nc\.csv -> c: 1 rows?\n$/);
  assert.match(made.stderr, /lakehouse: b\.parquet: /);
  assert.match(made.stderr, /cannot open "missing\.csv": No such file or directory/);
  assert.match(made.stderr, /"folder" is a folder; name the files in it/);
  assert.equal(await csvOf(data, 'SELECT a.x + c.x AS n FROM a, c'), 'n\n4\n');
});

test('none usable: exit code 1', async () => {
  const data = makeTemporaryFolder();
  const made = await runLakehouse(['ingest', 'missing.csv', 'neither.csv', '--data', data]);
  assert.equal(made.code, 1);
  assert.equal(made.stdout, '');
});

test('lines that cannot be used are counted, and exit code 3 says that there are some', async () => {
  const data = makeTemporaryFolder();
  const cwd = writeFiles({ 'ragged.csv': 'a,b\n1,2\n3,4,5,6\n7,8\n' });
  const made = await runLakehouse(['ingest', 'ragged.csv', '--data', data, '--json'], { cwd });
  assert.equal(made.code, 3, made.stderr);
  const report = JSON.parse(made.stdout);
  assert.equal(report.row_count, 2);
  assert.equal(report.reject_count, 1);
});

test('options go to the ingest: name, mode, separator, header', async () => {
  const data = makeTemporaryFolder();
  const cwd = writeFiles({ 'x.txt': 'a|b\n1|2\n', 'y.txt': '3|4\n' });
  const named = ['--data', data, '--name', 'pairs', '--format', 'csv', '--delimiter', '|'];
  assert.equal((await runLakehouse(['ingest', 'x.txt', ...named, '--header', 'true'], { cwd })).code, 0);
  const again = await runLakehouse(['ingest', 'y.txt', ...named], { cwd });
  assert.equal(again.code, 1, 'a dataset of that name is there');
  assert.match(again.stderr, /hint: /);
  const wrong = await runLakehouse(['ingest', 'y.txt', ...named, '--mode', 'merge'], { cwd });
  assert.equal(wrong.code, 1);
  assert.match(wrong.stderr, /append/);
  assert.equal(await csvOf(data, 'FROM pairs'), 'a,b\n1,2\n');
});

test('into a server', async (t) => {
  const server = await startServer({ t });
  const cwd = writeFiles({ 'a.csv': 'x\n1\n', 'b.csv': 'x\n2\n' });
  const made = await runLakehouse(['ingest', 'a.csv', 'b.csv', '--server', server.url, '--json'], { cwd });
  assert.equal(made.code, 0, made.stderr);
  assert.deepEqual(made.stdout.trimEnd().split('\n').map((line) => JSON.parse(line).dataset), ['a', 'b']);
  assert.deepEqual((await query(server, 'SELECT x FROM a UNION ALL SELECT x FROM b ORDER BY x')).rows, [[1], [2]]);
});

const inbox = path.join(root, 'demo/inbox');
test('every messy file of demo/inbox becomes a dataset', { skip: !existsSync(inbox) && 'there is no inbox' }, async () => {
  const data = makeTemporaryFolder();
  const files = readdirSync(inbox).filter((name) => !/^README/.test(name));
  const made = await runLakehouse(['ingest', ...files, '--data', data, '--json'], { cwd: inbox });
  assert.ok([0, 3].includes(made.code), made.stderr);
  assert.equal(made.stderr, '');
  const reports = made.stdout.trimEnd().split('\n').map((line) => JSON.parse(line));
  assert.equal(reports.length, files.length);
  for (const report of reports) {
    const asked = await csvOf(data, `SELECT count(*) AS n FROM "${report.dataset}"`);
    assert.equal(asked, `n\n${report.row_count}\n`, report.dataset);
  }
});
