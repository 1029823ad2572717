// `lakehouse check`: a healthy lake is ok; every kind of damage is found, named with its object, and told how to repair;
// and the rest of a damaged lake keeps working.
import assert from 'node:assert/strict';
import { copyFileSync, cpSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { before, test } from 'node:test';
import { makeTemporaryFolder, runLakehouse, startServer } from '../lib/server.mjs';

const healthy = makeTemporaryFolder();
const cwd = makeTemporaryFolder();
before(async () => {
  for (const name of ['left', 'right']) {
    const rows = Array.from({ length: 2000 }, (_, i) => `${i},${name}-${(i * 7919) % 1000}`).join('\n');
    writeFileSync(path.join(cwd, `${name}.csv`), `n,word\n${rows}\n`);
  }
  const made = await runLakehouse(['ingest', 'left.csv', 'right.csv', '--data', healthy], { cwd });
  assert.equal(made.code, 0, made.stderr);
});

function copy() {
  const data = makeTemporaryFolder();
  cpSync(healthy, data, { recursive: true });
  return data;
}

const check = async (data, ...args) => {
  const run = await runLakehouse(['check', '--data', data, '--json', ...args]);
  return { ...run, report: run.stdout ? JSON.parse(run.stdout) : null };
};

const baseFile = (data, dataset) => {
  const folder = path.join(data, 'objects/datasets', dataset, 'base');
  return path.join(folder, readdirSync(folder)[0]);
};
const records = (data) => readdirSync(path.join(data, 'objects/_catalog/log')).sort();

test('a healthy lake', async () => {
  const { code, report } = await check(healthy, '--deep');
  assert.equal(code, 0, JSON.stringify(report));
  assert.equal(report.ok, true);
  assert.deepEqual(report.findings, []);
  assert.equal(report.datasets, 2);
  assert.equal(report.records, records(healthy).length);
  assert.ok(report.bytes_read > 0);
  const text = await runLakehouse(['check', '--data', healthy]);
  assert.match(text.stdout, /^DuckDB v\S+; workers: seccomp (on|MISSING), Landlock /);
  assert.match(text.stdout, /\nok\n$/);
});

function flipBit(file, at) {
  const bytes = readFileSync(file);
  bytes[at(bytes)] ^= 0x10;
  writeFileSync(file, bytes);
}

const damages = {
  'an object that is missing': [(data) => rmSync(baseFile(data, 'left')), []],
  'a Parquet file cut short': [(data) => truncateSync(baseFile(data, 'left'), statSync(baseFile(data, 'left')).size - 100), []],
  'a Parquet file grown': [(data) => writeFileSync(baseFile(data, 'left'), Buffer.alloc(50), { flag: 'a' }), []],
  'a bit flipped in the footer': [(data) => flipBit(baseFile(data, 'left'), (b) => b.length - 2), []],
  'a bit flipped in the data, with --deep': [(data) => flipBit(baseFile(data, 'left'), () => 300), ['--deep']],
};
for (const [name, [damage, args]] of Object.entries(damages)) {
  test(name, async () => {
    const data = copy();
    const object = path.relative(path.join(data, 'objects'), baseFile(data, 'left'));
    damage(data);
    const { code, report, stderr } = await check(data, ...args);
    assert.equal(code, 1, stderr);
    assert.equal(report.ok, false);
    const found = report.findings.find((finding) => finding.object === object);
    assert.ok(found, JSON.stringify(report.findings));
    assert.equal(found.severity, 'damage');
    assert.ok(found.repair, 'it says how to repair');
    assert.ok(report.findings.every((finding) => finding.object === object), 'nothing else is blamed');
    const text = await runLakehouse(['check', '--data', data, ...args]);
    assert.equal(text.code, 1);
    assert.match(text.stdout, /^damage: .*\n {2}repair: /m);
    // The other dataset is as it was.
    const rest = await runLakehouse(['sql', '--data', data, '--csv', '-c', 'SELECT count(*) AS n FROM "right"']);
    assert.equal(rest.stdout, 'n\r\n2000\r\n', rest.stderr);
  });
}

test('a query on a damaged file names it', async () => {
  const data = copy();
  rmSync(baseFile(data, 'left'));
  const run = await runLakehouse(['sql', '--data', data, '-c', 'SELECT sum(n) FROM "left"']);
  assert.equal(run.code, 1);
  assert.match(run.stderr, /left/);
});

const recordDamages = {
  'a commit record cut short': (file) => truncateSync(file, statSync(file).size - 20),
  'a commit record with a flipped bit': (file) => flipBit(file, (b) => Math.floor(b.length / 2)),
  'a commit record that is empty': (file) => truncateSync(file, 0),
};
for (const [name, damage] of Object.entries(recordDamages)) {
  test(name, async () => {
    const data = copy();
    const last = records(data).at(-1);
    damage(path.join(data, 'objects/_catalog/log', last));
    const { code, report, stderr } = await check(data);
    assert.equal(code, 1, JSON.stringify(report));
    assert.match(JSON.stringify(report ?? stderr), new RegExp(last.replace('.json', '')));
  });
}

test('an orphan is a note while it is young, and a warning later: exit code 3', async () => {
  const data = copy();
  const orphan = path.join(data, 'objects/datasets/left/base/01ARZ3NDEKTSV4RRFFQ69G5FAV.parquet');
  copyFileSync(baseFile(data, 'left'), orphan);
  const young = await check(data);
  assert.equal(young.code, 0);
  assert.deepEqual(young.report.findings.map((finding) => [finding.severity, finding.kind]), [['note', 'orphan']]);
  utimesSync(orphan, 1_700_000_000, 1_700_000_000);
  const { code, report } = await check(data);
  assert.equal(code, 3, JSON.stringify(report));
  assert.equal(report.orphans, 1);
  assert.match(JSON.stringify(report.findings), /01ARZ3NDEKTSV4RRFFQ69G5FAV/);
});

test('a folder that is none, and one that is empty', async () => {
  const none = await check(path.join(cwd, 'nowhere'));
  assert.equal(none.code, 1);
  assert.match(JSON.parse(none.stderr).detail, /there is no data folder/);
  const empty = path.join(cwd, 'empty');
  mkdirSync(empty);
  assert.equal((await check(empty)).code, 0);
});

test('the journal is looked at: a damaged event file is found, a lost index is told', async () => {
  const data = copy();
  const days = path.join(data, 'objects/_journal/events');
  const files = (ending) => readdirSync(days).flatMap((day) =>
    readdirSync(path.join(days, day)).filter((f) => f.endsWith(ending)).map((f) => path.join(days, day, f)));
  assert.equal((await runLakehouse(['history', 'left', '--data', data])).code, 0); // tells the commits, and flushes at its end
  const whole = await check(data, '--deep');
  assert.equal(whole.report.event_files, files('.parquet').length);
  assert.ok(whole.report.event_files > 0);
  rmSync(files('.index')[0]);
  const lost = await check(data);
  assert.deepEqual([lost.code, lost.report.findings.map((f) => f.kind)], [3, ['event_index_missing']]);
  truncateSync(files('.parquet')[0], 20);
  const damaged = await check(data);
  assert.equal(damaged.code, 1);
  assert.deepEqual(damaged.report.findings.map((f) => [f.kind, f.severity]), [['events_damaged', 'damage']]);
});

test('damage of a local log is named, as long as what was set aside lies there', async () => {
  const data = makeTemporaryFolder();
  const server = await startServer({ dataDir: data });
  for (let i = 1; i <= 6; i++) {
    const reply = await fetch(`${server.url}/journal/event`, {
      method: 'POST', headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ entity_type: 'thing', entity_id: `thing-${i}`, action: 'made' }),
    });
    assert.equal(reply.status, 201, await reply.text());
  }
  await server.kill9();
  const events = path.join(data, 'wal/events');
  const file = path.join(events, readdirSync(events).find((name) => name.endsWith('.wal')));
  const bytes = readFileSync(file);
  bytes[bytes.length >> 1] ^= 1;
  writeFileSync(file, bytes);
  for (const time of ['first', 'second']) {
    const damaged = await check(data);
    assert.equal(damaged.code, 1, time);
    assert.deepEqual(damaged.report.findings.map((f) => [f.kind, f.severity]), [['local_log_damaged', 'damage']], time);
  }
});
