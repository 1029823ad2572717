import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
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
    const expected = JSON.parse(built.stdout).expected_recall;
    assert.ok(expected > 0.7 && expected <= 1, built.stdout);

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

  writeFileSync(file('twice.f32'), Buffer.concat([Buffer.from(data.buffer), Buffer.from(data.buffer)]));
  const twice = await runLakehouse(['vec', 'build', file('twice.f32'), '--dimensions', String(d), '-o', file('twice.vec')]);
  const [, equal] = /\nthe default search finds about \d+% of the 10 nearest.*\n(\d+) vectors equal others and share/.exec(twice.stdout);
  assert.ok(equal >= 590 && equal <= 600, twice.stdout); // equal rows that two threads insert in one instant may miss each other

  const seen = await runLakehouse(['vec', 'inspect', file('i.vec'), '--verify']);
  assert.match(seen.stdout, /graph index, l2, 600 vectors of 24 dimensions/);
  assert.match(seen.stdout, /live 600, deleted 0\n.*m 16, ef_construction 100, seed 1\n {2}reachable 600, isolated 0;/);
  assert.match(seen.stdout, /every checksum and every row is right/);
  const about = JSON.parse((await runLakehouse(['vec', 'inspect', file('i.vec'), '--json'])).stdout);
  assert.deepEqual([about.kind, about.metric, about.dimensions, about.rows, about.live], ['graph', 'l2', d, rows, rows]);
  assert.deepEqual([about.sections.ROWS, about.equal_rows, about.walks_full_rows], [rows * d * 4, 0, false]);
  assert.deepEqual(about.parameters, { m: 16, ef_construction: 100, seed: 1 });
  assert.equal(about.structure.levels.reduce((sum, nodes) => sum + nodes), rows);
  assert.ok(about.structure.degree.mean > 8 && about.structure.degree.max <= 32 && about.structure.in_degree.min >= 1);

  const bytes = readFileSync(file('i.vec'));
  bytes[bytes.length - 1] ^= 1;
  writeFileSync(file('bad.vec'), bytes);
  const bad = await runLakehouse(['vec', 'inspect', file('bad.vec'), '--verify']);
  assert.equal(bad.code, 1);
  assert.match(bad.stderr, /section ROWS .* checksum is wrong/);

  const untold = await runLakehouse(['vec', 'build', file('rows.f32')]);
  assert.equal(untold.code, 2);
  assert.match(untold.stderr, /--dimensions 768/);
  writeFileSync(file('rows.txt'), 'x');
  const unknown = await runLakehouse(['vec', 'build', file('rows.txt')]);
  assert.equal(unknown.code, 1);
  assert.match(unknown.stderr, /\.f32, \.fvecs, \.npy or \.parquet/);
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
    const about = JSON.parse(head.stdout);
    assert.deepEqual([about.kind, about.live, about.deleted, about.verified], [kind, rows, 0, true]);
    if (kind === 'ivf') assert.ok(about.parameters.lists > 1 && about.structure.longest_list >= about.structure.mean_list);
    for (const how of [['--epsilon', '8', ...(kind === 'ivf' ? ['--nprobe', '1000'] : [])], ['--recall', '1']]) {
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
  assert.match(unknown.stderr, /graph, flat, ivf or growing/);
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

  // DuckDB would take these for patterns, and the second for all files beside it.
  for (const name of ['a[1].parquet', '*.parquet']) {
    await parquet(name, `SELECT ${vector('i')}::FLOAT[${d}] AS v FROM range(${name.length}) t(i)`);
    const built = await runLakehouse(['vec', 'build', file(name), '-o', file('pattern.vec'), '--json']);
    assert.equal(built.code, 0, built.stderr);
    assert.equal(JSON.parse(built.stdout).rows, name.length);
  }
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

test('vec refuses options that mean nothing to the index at hand, or contradict each other', async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'lakehouse-vec-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = (name) => path.join(folder, name);
  writeFileSync(file('v.npy'), npy(values(rows * d), rows));
  for (const kind of ['graph', 'flat', 'ivf']) {
    const run = await runLakehouse(['vec', 'build', file('v.npy'), '-o', file(`${kind}.vec`), '--kind', kind]);
    assert.equal(run.code, 0, run.stderr);
  }
  const search = (kind, ...more) => ['search', file(`${kind}.vec`), file('v.npy'), ...more];
  const build = (kind, ...more) => ['build', file('v.npy'), '-o', file('new.vec'), '--kind', kind, ...more];
  const refused = [
    [search('graph', '--ef', '50', '--recall', '0.9'), /--recall and --ef contradict each other\n {2}hint: --recall finds ef by itself/],
    [search('ivf', '--nprobe', '5', '--recall', '0.9'), /--recall and --nprobe contradict/],
    [search('flat', '--epsilon', '2', '--recall', '0.9'), /--recall and --epsilon contradict/],
    [search('graph', '--nprobe', '5'), /--nprobe means nothing to the search of a graph\n {2}hint: .*a graph takes --ef/],
    [search('flat', '--nprobe', '5'), /--nprobe means nothing to the search of a flat/],
    [search('flat', '--ef', '50'), /--ef means nothing to the search of a flat\n {2}hint: .*a flat takes --epsilon/],
    [search('ivf', '--ef', '50'), /--ef means nothing to the search of inverted lists\n {2}hint: .*an ivf --nprobe/],
    [search('graph', '--epsilon', '2'), /--epsilon means nothing to the search of a graph/],
    [search('graph', '--metric', 'l2'), /--metric means nothing to lakehouse vec search\n {2}hint: an index keeps the metric it was built with/],
    [search('graph', '--kind', 'flat'), /--kind means nothing to lakehouse vec search/],
    [search('graph', '-o', 'x'), /--output means nothing to lakehouse vec search/],
    [search('graph', '--m', '8'), /--m means nothing to lakehouse vec search/],
    [search('graph', '--verify'), /--verify means nothing to lakehouse vec search/],
    [search('graph', '--vectors', file('v.npy')), /--vectors is given, but .*graph\.vec holds its vectors itself/],
    [search('graph', '-k', '20', '--ef', '10'), /--ef is 10, but 20 neighbours are asked for/],
    [search('graph', '-k', '0'), /--k is "0".*1 to 1000|must be/],
    [search('graph', '--recall', '1.5'), /--recall is "1\.5"; it must be above 0 and at most 1/],
    [search('graph', '--recall', ''), /--recall is ""/],
    [build('ivf', '--m', '8'), /--m means nothing to inverted lists \(lakehouse vec build --kind ivf\)/],
    [build('flat', '--ef-construction', '8'), /--ef-construction means nothing to a flat/],
    [build('graph', '--lists', '8'), /--lists means nothing to a graph .*\n {2}hint: .*--kind ivf/],
    [build('graph', '--ef', '8'), /--ef means nothing to lakehouse vec build/],
    [build('graph', '-k', '8'), /--k means nothing to lakehouse vec build/],
    [build('graph', '--recall', '0.9'), /--recall means nothing to lakehouse vec build/],
    [build('graph', '--vectors', 'x'), /--vectors means nothing to lakehouse vec build/],
    [['bench', file('v.npy'), '--lists', '8'], /--lists means nothing to lakehouse vec bench/],
    [['bench', file('v.npy'), '--ef', '8'], /--ef means nothing to lakehouse vec bench/],
    [['inspect', file('graph.vec'), '-k', '8'], /--k means nothing to lakehouse vec inspect/],
    [['inspect', file('graph.vec'), '--threads', '2'], /--threads means nothing to lakehouse vec inspect/],
    [['inspect', file('graph.vec'), '--dimensions', '24'], /--dimensions means nothing to lakehouse vec inspect of an index file/],
    [build('ivf', '--lists', '601'), /--lists is 601, but there are only 600 vectors/],
    [['build', file('v.npy'), '-o', ''], /name of the index to write is empty/],
    [['build', ''], /name of the file of vectors is empty/],
    [['inspect', file('v.npy'), '--verify'], /--verify means nothing to lakehouse vec inspect of a file of vectors/],
  ];
  for (const [args, message] of refused) {
    const run = await runLakehouse(['vec', ...args]);
    assert.equal(run.code, 2, `${args.join(' ')}: ${run.stderr}`);
    assert.match(run.stderr, message, args.join(' '));
    assert.equal(run.stdout, '');
  }
});

test('vec takes the full vectors of an index without them, and refuses those of another', async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'lakehouse-vec-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = (name) => path.join(folder, name);
  const data = values(rows * d);
  const swapped = Float32Array.from(data);
  swapped.copyWithin(0, d, 2 * d); // the second row twice: what lies first is not what it was
  writeFileSync(file('v.npy'), npy(data, rows));
  writeFileSync(file('other.npy'), npy(swapped, rows));
  writeFileSync(file('short.npy'), npy(data.subarray(d), rows - 1));
  writeFileSync(file('q.npy'), npy(data.subarray(5 * d, 6 * d), 1));
  for (const kind of ['graph', 'flat', 'ivf']) {
    const index = file(`${kind}.vec`);
    const built = await runLakehouse(['vec', 'build', file('v.npy'), '-o', index, '--kind', kind, '--metric', 'l2', '--without-vectors']);
    assert.equal(built.code, 0, built.stderr);
    const search = (...more) => runLakehouse(['vec', 'search', index, file('q.npy'), '-k', '3', '--json', ...more]);
    const right = await search('--vectors', file('v.npy'));
    assert.equal(right.code, 0, right.stderr);
    assert.deepEqual(JSON.parse(right.stdout).hits[0], { id: 5, distance: 0 });
    const other = await search('--vectors', file('other.npy'));
    assert.equal(other.code, 1);
    assert.match(other.stderr, /other\.npy: the vectors that were given are not those that the index was built on/);
    assert.match(other.stderr, /give the file that the index was built from/);
    const short = await search('--vectors', file('short.npy'));
    assert.equal(short.code, 1);
    assert.match(short.stderr, /holds 599 vectors of 24 dimensions, but the index was built on 600 of 24/);
    assert.equal(JSON.parse(right.stdout).estimated, undefined);
    if (kind === 'graph') {
      assert.equal(JSON.parse((await search()).stdout).estimated, true);
      const plain = await runLakehouse(['vec', 'search', index, file('q.npy'), '-k', '3']);
      assert.equal(plain.code, 0, plain.stderr);
      assert.match(plain.stderr, /^distances are estimates: .*--vectors FILE/);
    }
    if (kind !== 'graph') assert.match((await search()).stderr, /hold the vectors.*\n?.*--vectors FILE/);
    const seen = await runLakehouse(['vec', 'inspect', index, '--json', '--vectors', file('v.npy'), '--verify']);
    assert.equal(seen.code, 0, seen.stderr);
    const about = JSON.parse(seen.stdout);
    assert.deepEqual([about.holds_vectors, about.live, about.sections.MARK], [false, rows, 8]);
    const wrong = await runLakehouse(['vec', 'inspect', index, '--vectors', file('other.npy')]);
    assert.equal(wrong.code, 1);
    assert.equal((await runLakehouse(['vec', 'inspect', index])).code, 0);
  }
});

test('vec builds, inspects and searches the folder of a growing index', async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'lakehouse-vec-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = (name) => path.join(folder, name);
  const data = values(rows * d);
  writeFileSync(file('v.npy'), npy(data, rows));
  writeFileSync(file('q.npy'), npy(data.subarray(5 * d, 9 * d), 4));
  const vec = (...args) => runLakehouse(['vec', ...args]);
  const made = await vec('build', file('v.npy'), '-o', file('grows'), '--kind', 'growing', '--metric', 'l2', '--json');
  assert.equal(made.code, 0, made.stderr);
  assert.ok(JSON.parse(made.stdout).code_bytes > 0);
  const again = await vec('build', file('v.npy'), '-o', file('grows'), '--kind', 'growing');
  assert.equal(again.code, 1);
  assert.match(again.stderr, /holds a vector index already/);

  for (const how of [['--epsilon', '8'], ['--recall', '1']]) {
    const found = await vec('search', file('grows'), file('q.npy'), '-k', '5', '--json', ...how);
    assert.equal(found.code, 0, found.stderr);
    found.stdout.trim().split('\n').forEach((line, i) =>
      assert.equal(JSON.parse(line).hits[0].id, nearest(data, data.subarray((5 + i) * d, (6 + i) * d), 1)[0]));
  }
  const seen = await vec('inspect', file('grows'), '--verify', '--json');
  assert.equal(seen.code, 0, seen.stderr);
  const about = JSON.parse(seen.stdout);
  assert.deepEqual([about.kind, about.metric, about.dimensions, about.rows, about.live, about.deleted, about.verified],
    ['growing', 'l2', d, rows, rows, 0, true]);
  assert.deepEqual(about.segments.map(({ kind, first, rows: n }) => [kind, first, n]), [['flat', 0, rows]]);
  assert.match((await vec('inspect', file('grows'))).stdout, /growing index, l2, 600 vectors of 24 .*\n[^]*segment 0: flat, rows 0 to 599/);

  const graphless = await vec('search', file('grows'), file('q.npy'), '--ef', '50');
  assert.equal(graphless.code, 2);
  assert.match(graphless.stderr, /--ef means nothing to the search of a growing index without a graph/);
  const apart = await vec('search', file('grows'), file('q.npy'), '--vectors', file('v.npy'));
  assert.equal(apart.code, 2);
  const head = await vec('search', path.join(file('grows'), 'index.vec'), file('q.npy'));
  assert.match(head.stderr, /list of a growing index's segments\n {2}hint: give the folder/);
  const segment = path.join(file('grows'), '0000000000000001.vec');
  const bytes = readFileSync(segment);
  bytes[bytes.length - 1] ^= 1;
  writeFileSync(segment, bytes);
  const bad = await vec('inspect', file('grows'), '--verify');
  assert.equal(bad.code, 1);
  assert.match(bad.stderr, /grows: segment 0: .*section ROWS .* checksum is wrong/);
  mkdirSync(file('empty'));
  const empty = await vec('inspect', file('empty'));
  assert.equal(empty.code, 1);
  assert.match(empty.stderr, /holds no vector index/);
});

test('vec names what is wrong with its input and what to do', async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'lakehouse-vec-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = (name) => path.join(folder, name);
  const data = values(rows * d);
  const whole = npy(data, rows);
  const f32 = Buffer.from(data.buffer);
  const nan = Buffer.from(whole);
  nan.writeFloatLE(NaN, whole.length - f32.length + (3 * d + 7) * 4);
  const inputs = {
    'nan.npy': nan,
    'double.npy': Buffer.from(whole.toString('latin1').replace('<f4', '<f8'), 'latin1'),
    'cut.npy': whole.subarray(0, whole.length - 1),
    'many.npy': Buffer.from(whole.toString('latin1').replace(`(${rows}, ${d})`, `(${'9'.repeat(3)}, ${d})`), 'latin1'),
    'text.npy': 'these are words',
    'empty.npy': '',
    'odd.f32': f32.subarray(0, f32.length - 3),
    'huge.fvecs': Buffer.concat([Buffer.from([255, 255, 255, 127]), f32]),
    'cut.vec': Buffer.from('LHVECIDX and no more'),
    'good.npy': whole,
  };
  for (const [name, bytes] of Object.entries(inputs)) writeFileSync(file(name), bytes);
  mkdirSync(file('folder.npy'));
  execFileSync('mkfifo', [file('pipe.npy'), file('pipe.vec')]);
  const build = (name, ...more) => ['build', file(name), '-o', file('new.vec'), ...more];
  const bad = [
    [build('missing.npy'), /there is no file .*missing\.npy/],
    [build('empty.npy'), /empty\.npy is empty/],
    [build('folder.npy'), /folder\.npy is a folder/],
    [build('pipe.npy'), /pipe\.npy is no file but a pipe.*\n {2}hint: .*write them to a file first/],
    [build('nan.npy'), /vector 3 holds NaN in dimension 7\n {2}hint: .*leave such vectors out/],
    [build('double.npy'), /float32.*\n {2}hint: .*numpy\.save/],
    [build('cut.npy'), /shape asks for another number of bytes.*\n {2}hint: the file was cut short/],
    [build('many.npy'), /shape asks for another number of bytes/],
    [build('text.npy'), /not a NumPy array file/],
    [build('odd.f32', '--dimensions', '24'), /no number of whole vectors of 24 dimensions\n {2}hint: is --dimensions right/],
    [build('huge.fvecs'), /2147483647 dimensions/],
    [['build', file('good.npy'), '-o', file('no/such/folder.vec')], /cannot be written.*\n {2}hint: .*--output/],
    [['search', file('missing.vec'), file('good.npy')], /there is no index .*missing\.vec/],
    [['search', file('cut.vec'), file('good.npy')], /cut\.vec.*\n {2}hint: .*built anew/],
    [['search', file('pipe.vec'), file('good.npy')], /pipe\.vec is no file/],
    [['search', file('good.npy'), file('good.npy')], /holds vectors, not an index\n {2}hint: make one: lakehouse vec build/],
    [['inspect', file('cut.vec')], /cut\.vec.*\n {2}hint: .*built anew/],
    [['inspect', file('pipe.vec')], /pipe\.vec is no file/],
  ];
  for (const [args, message] of bad) {
    const run = await runLakehouse(['vec', ...args]);
    assert.equal(run.code, 1, `${args.join(' ')}: ${run.stderr}`);
    assert.match(run.stderr, message, args.join(' '));
    assert.equal(run.stdout, '');
  }
  assert.ok(!readdirSync(folder).some((name) => name.startsWith('new.vec')), 'something was left behind');
});
