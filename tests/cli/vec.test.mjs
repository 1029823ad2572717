import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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
  const parquet = await runLakehouse(['vec', 'build', file('rows.parquet')]);
  assert.equal(parquet.code, 1);
  assert.match(parquet.stderr, /\.f32, \.fvecs or \.npy/);
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
    assert.equal(JSON.parse(head.stdout).kind, kind);
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
