import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { runLakehouse } from '../lib/server.mjs';

const d = 24;
const rows = 600;

// A fixed stream in [-1, 1).
const values = (count) => {
  let state = 1;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
};

const npy = (data, n) => {
  const text = `{'descr': '<f4', 'fortran_order': False, 'shape': (${n}, ${d}), }`;
  const header = text.padEnd(Math.ceil((text.length + 11) / 64) * 64 - 11) + '\n';
  const head = Buffer.from([0x93, ...Buffer.from('NUMPY'), 1, 0, header.length & 255, header.length >> 8]);
  return Buffer.concat([head, Buffer.from(header), Buffer.from(data.buffer, data.byteOffset, data.byteLength)]);
};

const nearest = (data, query, k) =>
  Array.from({ length: rows }, (_, id) => {
    let sum = 0;
    for (let i = 0; i < d; i++) sum += (data[id * d + i] - query[i]) ** 2;
    return [sum, id];
  })
    .sort((a, b) => a[0] - b[0])
    .slice(0, k)
    .map(([, id]) => id);

test('vec builds, inspects and searches an index, and tells what is wrong with a file', async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'lakehouse-vec-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = (name) => path.join(folder, name);
  const data = values(rows * d);
  writeFileSync(file('rows.npy'), npy(data, rows));
  writeFileSync(file('rows.f32'), Buffer.from(data.buffer));
  writeFileSync(file('queries.npy'), npy(data.subarray(5 * d, 9 * d), 4));

  for (const input of [['rows.npy'], ['rows.f32', '--dimensions', String(d)]]) {
    const [name, ...more] = input;
    const built = await runLakehouse(['vec', 'build', file(name), '-o', file('i.vec'), '--metric', 'l2', '--json', ...more]);
    assert.equal(built.code, 0, built.stderr);
    assert.equal(JSON.parse(built.stdout).rows, rows);

    const found = await runLakehouse(['vec', 'search', file('i.vec'), file('queries.npy'), '-k', '5', '--ef', '200', '--json']);
    assert.equal(found.code, 0, found.stderr);
    const answers = found.stdout.trim().split('\n').map((line) => JSON.parse(line));
    assert.equal(answers.length, 4);
    answers.forEach((answer, i) => {
      const ids = answer.hits.map((hit) => hit.id);
      assert.deepEqual(ids, nearest(data, data.subarray((5 + i) * d, (6 + i) * d), 5));
      assert.equal(answer.hits[0].distance, 0);
    });
  }

  const seen = await runLakehouse(['vec', 'inspect', file('i.vec'), '--verify']);
  assert.match(seen.stdout, /graph index, l2, 600 vectors of 24 dimensions/);
  assert.match(seen.stdout, /every checksum is right\nlive 600, deleted 0, reachable 600/);

  const bytes = readFileSync(file('i.vec'));
  bytes[bytes.length - 1] ^= 1;
  writeFileSync(file('bad.vec'), bytes);
  const bad = await runLakehouse(['vec', 'inspect', file('bad.vec'), '--verify']);
  assert.equal(bad.code, 1);
  assert.match(bad.stderr, /section ROWS .* checksum is wrong/);

  const untold = await runLakehouse(['vec', 'build', file('rows.f32')]);
  assert.equal(untold.code, 1);
  assert.match(untold.stderr, /--dimensions 768/);
  const unknown = await runLakehouse(['vec', 'build', file('rows.txt')]);
  assert.equal(unknown.code, 1);
  assert.match(unknown.stderr, /\.f32, \.fvecs or \.npy/);
  const short = await runLakehouse(['vec', 'search', file('i.vec')]);
  assert.equal(short.code, 2);
});

test('vec builds and searches flats and inverted lists, and finds the settings for a recall', async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'lakehouse-vec-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = (name) => path.join(folder, name);
  const data = values(rows * d);
  writeFileSync(file('rows.npy'), npy(data, rows));
  writeFileSync(file('queries.npy'), npy(data.subarray(5 * d, 9 * d), 4));
  const index = file('i.vec');
  for (const kind of ['flat', 'ivf']) {
    const built = await runLakehouse(['vec', 'build', file('rows.npy'), '-o', index, '--metric', 'l2', '--kind', kind]);
    assert.equal(built.code, 0, built.stderr);
    const head = await runLakehouse(['vec', 'inspect', index, '--verify', '--json']);
    assert.equal(head.code, 0, head.stderr);
    const [about, structure] = head.stdout.trim().split('\n').map((line) => JSON.parse(line));
    assert.deepEqual([about.kind, structure.live, structure.deleted], [kind, rows, 0]);
    for (const how of [['--epsilon', '8', '--nprobe', '1000'], ['--recall', '1']]) {
      const found = await runLakehouse(['vec', 'search', index, file('queries.npy'), '-k', '5', '--json', ...how]);
      assert.equal(found.code, 0, found.stderr);
      found.stdout.trim().split('\n').forEach((line, i) => {
        const ids = JSON.parse(line).hits.map((hit) => hit.id);
        const wanted = nearest(data, data.subarray((5 + i) * d, (6 + i) * d), 5);
        if (how[0] === '--epsilon') assert.deepEqual(ids, wanted);
        else assert.equal(ids[0], wanted[0]);
      });
      if (how[0] === '--recall') assert.match(found.stderr, /recall 1\.0000 on/);
    }
    const bytes = readFileSync(index);
    bytes[4096] ^= 0xff;
    writeFileSync(index, bytes);
    assert.notEqual((await runLakehouse(['vec', 'inspect', index, '--verify'])).code, 0);
  }
  const unknown = await runLakehouse(['vec', 'build', file('rows.npy'), '--kind', 'tree']);
  assert.equal(unknown.code, 2);
  assert.match(unknown.stderr, /graph, flat or ivf/);
});

test('vec reads a column of vectors from Parquet', async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'lakehouse-vec-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = (name) => path.join(folder, name);
  writeFileSync(file('one.csv'), 'a\n1\n');
  const lake = await runLakehouse(['ingest', file('one.csv'), '--data', file('lake')]);
  assert.equal(lake.code, 0, lake.stderr);
  const parquet = async (name, sql) => {
    const made = await runLakehouse(['sql', '--data', file('lake'), '--parquet', file(name), '-c', sql]);
    assert.equal(made.code, 0, made.stderr);
  };
  const vector = (i) => `[(((${i} + 1) * (j + 3) * 7919) % 1009)::FLOAT / 1009 FOR j IN range(${d})]`;
  const data = Float32Array.from({ length: rows * d }, (_, at) =>
    Math.fround((((Math.floor(at / d) + 1) * ((at % d) + 3) * 7919) % 1009) / 1009));

  await parquet('rows.parquet', `SELECT i AS id, ${vector('i')}::FLOAT[${d}] AS embedding FROM range(${rows}) t(i) ORDER BY i`);
  await parquet('two.parquet', `SELECT ${vector('i')}::DOUBLE[] AS "the ""second""", ${vector('i + 1')}::FLOAT[] AS first
    FROM range(${rows}) t(i) ORDER BY i`);
  writeFileSync(file('queries.npy'), npy(data.subarray(5 * d, 9 * d), 4));
  for (const [name, ...more] of [['rows.parquet'], ['two.parquet', '--column', 'the "second"']]) {
    const built = await runLakehouse(
      ['vec', 'build', file(name), '-o', file('i.vec'), '--kind', 'flat', '--metric', 'l2', '--json', ...more]);
    assert.equal(built.code, 0, built.stderr);
    assert.deepEqual([JSON.parse(built.stdout).rows, JSON.parse(built.stdout).dimensions], [rows, d]);
    const found = await runLakehouse(['vec', 'search', file('i.vec'), file('queries.npy'), '-k', '5', '--epsilon', '8', '--json']);
    found.stdout.trim().split('\n').forEach((line, i) => {
      const ids = JSON.parse(line).hits.map((hit) => hit.id);
      assert.deepEqual(ids, nearest(data, data.subarray((5 + i) * d, (6 + i) * d), 5));
    });
  }
  const searched = await runLakehouse(['vec', 'search', file('i.vec'), file('rows.parquet'), '-k', '1', '--json']);
  assert.equal(searched.stdout.trim().split('\n').length, rows);
  const measured = await runLakehouse(['vec', 'bench', file('rows.parquet'), '--json']);
  assert.equal(measured.code, 0, measured.stderr);

  const bad = [
    ['two.parquet', [], null, /2 columns of vectors: say which/],
    ['rows.parquet', ['--column', 'nothing'], null, /no column "nothing"/],
    ['rows.parquet', ['--column', 'id'], null, /column "id" holds no vectors/],
    ['rows.parquet', ['--dimensions', '7'], null, /24 dimensions where 7 are asked for/],
    ['none.parquet', [], 'SELECT 1 AS id', /no column of vectors/],
    ['null.parquet', [], 'SELECT NULL::FLOAT[2] AS v', /vector 0 is NULL/],
    ['hole.parquet', [], 'SELECT [1, NULL]::FLOAT[] AS v', /vector 0 holds no number in dimension 1/],
    ['nan.parquet', [], "SELECT [1, 'NaN'::FLOAT]::FLOAT[] AS v", /vector 0 holds no number in dimension 1/],
    ['ragged.parquet', [], 'SELECT x::FLOAT[] AS v FROM (VALUES ([1, 2]), ([3])) t(x)', /vector 1 has 1 dimensions, the first 2/],
    ['empty.parquet', [], 'SELECT [1]::FLOAT[] AS v LIMIT 0', /holds no vectors/],
  ];
  for (const [name, more, sql, message] of bad) {
    if (sql) await parquet(name, sql);
    const answer = await runLakehouse(['vec', 'build', file(name), '-o', file('bad.vec'), ...more]);
    assert.equal(answer.code, 1, `${name}: ${answer.stderr}`);
    assert.match(answer.stderr, message);
  }
  writeFileSync(file('garbage.parquet'), 'PAR1 this is none PAR1');
  const garbage = await runLakehouse(['vec', 'inspect', file('garbage.parquet')]);
  assert.equal(garbage.code, 1);
  const misplaced = await runLakehouse(['vec', 'build', file('queries.npy'), '--column', 'v']);
  assert.equal(misplaced.code, 2);
});

test('vec build replaces an index and nothing else', async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'lakehouse-vec-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = (name) => path.join(folder, name);
  writeFileSync(file('v.npy'), npy(values(rows * d), rows));
  writeFileSync(file('notes.txt'), 'precious');
  mkdirSync(file('folder'));
  symlinkSync('notes.txt', file('link'));
  for (const name of ['v.npy', 'notes.txt', 'folder', 'link']) {
    const run = await runLakehouse(['vec', 'build', file('v.npy'), '-o', file(name)]);
    assert.equal(run.code, 1, name);
    assert.match(run.stderr, /exists and is not a vector index\n {2}hint: .*--output/);
  }
  assert.equal(readFileSync(file('notes.txt'), 'utf8'), 'precious');
  for (const kind of ['graph', 'flat']) {
    const run = await runLakehouse(['vec', 'build', file('v.npy'), '-o', file('v.vec'), '--kind', kind]);
    assert.equal(run.code, 0, run.stderr);
  }
});
