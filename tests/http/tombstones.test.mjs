// Rows away by their keys, and back: gone from every answer at once, told by the journal, listed, lifted.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { makeTemporaryFolder, query, runLakehouse, startServer } from './server.mjs';

let server;
const folder = makeTemporaryFolder();

before(async () => {
  server = await startServer({ dataDir: folder });
});
after(() => server.stop());

async function ask(method, route, body, headers = {}) {
  const reply = await fetch(server.url + route, {
    method,
    body: body === undefined ? undefined : JSON.stringify(body),
    headers: body === undefined ? headers : { 'content-type': 'application/json', ...headers },
  });
  const text = await reply.text();
  return { status: reply.status, ...(text ? JSON.parse(text) : {}) };
}
const path = (name, verb) => `/catalog/datasets/${encodeURIComponent(name)}/${verb}`;
const tombstone = (name, body, headers) => ask('POST', path(name, 'tombstone'), body, headers);
const untombstone = (name, body, headers) => ask('POST', path(name, 'untombstone'), body, headers);
const tombstones = (name, queryText = '') => ask('GET', path(name, 'tombstones') + queryText);
const history = (entity, queryText = '') => ask('GET', `/journal/history/${encodeURIComponent(entity)}${queryText}`);

/** A dataset with rows of CSV and a primary key. */
async function make(name, csv, key) {
  const reply = await fetch(`${server.url}/ingest/file?name=${encodeURIComponent(name)}&mode=create&file_name=x.csv`, {
    method: 'POST',
    headers: { 'content-type': 'text/csv' },
    body: csv,
  });
  assert.equal(reply.status < 300, true, await reply.text());
  if (key) {
    const patched = await ask('PATCH', `/catalog/datasets/by-name/${encodeURIComponent(name)}/metadata`, { primary_key: key });
    assert.equal(patched.status, 200, JSON.stringify(patched));
  }
}

async function rows(sql, body) {
  const answer = await query(server, sql, body);
  assert.equal(answer.status, 200, JSON.stringify(answer));
  return answer.rows;
}

const people = 'id,mail,city\n1,a@example.com,Bonn\n2,b@example.com,Ulm\n3,c@example.com,Köln\n4,d@example.com,Hof\n';

test('a tombstoned row is gone from every answer, and told with its values', async () => {
  await make('people', people, ['id']);
  const before = (await ask('GET', '/catalog/datasets/by-name/people')).version;
  const gone = await tombstone('people', { row_keys: [2, '3', 77], reason: 'asked to be forgotten', actor: 'ana' });
  assert.equal(gone.status, 200, JSON.stringify(gone));
  assert.deepEqual([gone.dataset, gone.tombstoned, gone.missing, gone.replayed], ['people', 2, [77], false]);
  assert.deepEqual(await rows('SELECT count(*) FROM people'), [[2]]);
  assert.deepEqual(await rows('SELECT id FROM people ORDER BY id'), [[1], [4]]);
  assert.deepEqual(await rows("SELECT count(*) FROM people WHERE id = 2 OR mail = 'c@example.com'"), [[0]]);
  // The version before has them still.
  assert.deepEqual(await rows('SELECT count(*) FROM people', { as_of: before }), [[4]]);

  const told = await history('2', '?dataset=people');
  assert.equal(told.items.length, 1);
  const event = told.items[0];
  assert.deepEqual(
    [event.entity_type, event.entity_id, event.action, event.actor, event.source, event.field ?? null],
    ['people', '2', 'tombstone', 'ana', 'catalog', null],
  );
  assert.deepEqual(event.old_value, { id: 2, mail: 'b@example.com', city: 'Ulm' });
  assert.deepEqual(event.new_value, { reason: 'asked to be forgotten' });
  assert.equal(told.state, null);
  const then = (await ask('GET', '/catalog/datasets/people/versions')).items.find((v) => v.version === before).at;
  assert.deepEqual((await history('2', `?dataset=people&as_of=${then}`)).state, event.old_value);
  assert.equal((await history('people')).items.at(-1).action, 'tombstone');
});

test('tombstones are listed in pages of one version', async () => {
  const all = await tombstones('people');
  assert.deepEqual(all.items.map((t) => [t.key, t.reason, t.actor]), [
    [2, 'asked to be forgotten', 'ana'],
    [3, 'asked to be forgotten', 'ana'],
  ]);
  assert.match(all.items[0].at, /^\d{4}-\d\d-\d\dT.*Z$/);
  const first = await tombstones('people', '?limit=1');
  assert.deepEqual(first.items.map((t) => t.key), [2]);
  assert.equal((await tombstone('people', { row_keys: [1] })).tombstoned, 1);
  const second = await tombstones('people', `?limit=1&page_token=${encodeURIComponent(first.next_page_token)}`);
  assert.deepEqual([second.items.map((t) => t.key), second.next_page_token ?? null], [[3], null]);
  assert.equal((await tombstones('people')).items.length, 3);
  assert.equal((await tombstones('people', '?page_token=bm8')).status, 400);
});

test('a row is gone once; keys that name none write nothing', async () => {
  const version = (await ask('GET', '/catalog/datasets/by-name/people')).version;
  const again = await tombstone('people', { row_keys: [2, 2] });
  assert.deepEqual([again.tombstoned, again.missing], [0, [2]]);
  assert.equal((await ask('GET', '/catalog/datasets/by-name/people')).version, version);
});

test('rows come back with their values, and leave an event', async () => {
  const back = await untombstone('people', { row_keys: [2, 1, 99], actor: 'bo' });
  assert.deepEqual([back.status, back.untombstoned, back.missing], [200, 2, [99]]);
  assert.deepEqual(await rows('SELECT id, city FROM people ORDER BY id'), [[1, 'Bonn'], [2, 'Ulm'], [4, 'Hof']]);
  assert.deepEqual((await tombstones('people')).items.map((t) => t.key), [3]);
  const told = await history('2', '?dataset=people');
  assert.deepEqual(told.items.map((e) => [e.action, e.actor]), [['tombstone', 'ana'], ['untombstone', 'bo']]);
  assert.deepEqual(told.state, { id: 2, mail: 'b@example.com', city: 'Ulm' });
  const none = await untombstone('people', { row_keys: [4] });
  assert.deepEqual([none.status, none.code], [409, 'conflict']);
  assert.match(none.hint, /tombstones/);
});

test('a row that was written again has no tombstone to lift', async () => {
  await make('back', people, ['id']);
  await tombstone('back', { row_keys: [1, 2] });
  assert.equal((await ask('POST', '/query/delta/back', [{ id: 1, mail: 'new@example.com', city: 'Bonn' }])).status < 300, true);
  assert.deepEqual((await tombstones('back')).items.map((t) => t.key), [2]);
  const version = (await ask('GET', '/catalog/datasets/by-name/back')).version;
  const none = await untombstone('back', { row_keys: [1] });
  assert.deepEqual([none.status, none.code], [409, 'conflict']);
  assert.equal((await ask('GET', '/catalog/datasets/by-name/back')).version, version, 'nothing is committed');
  const some = await untombstone('back', { row_keys: [1, 2, 2] });
  assert.deepEqual([some.status, some.untombstoned, some.missing], [200, 1, [1]]);
  assert.deepEqual(await rows('SELECT id, mail FROM back WHERE id < 3 ORDER BY id'), [[1, 'new@example.com'], [2, 'b@example.com']]);
  assert.equal((await history('1', '?dataset=back')).items.filter((e) => e.action === 'untombstone').length, 0);
  // Gone again: its second tombstone is in force, and lifting it brings the newest row back.
  await tombstone('back', { row_keys: [1] });
  assert.equal((await tombstones('back')).items.at(-1).key, 1);
  assert.equal((await untombstone('back', { row_keys: [1] })).untombstoned, 1);
  assert.deepEqual(await rows('SELECT mail FROM back WHERE id = 1'), [['new@example.com']]);
});

test('the same request again gives the same answer', async () => {
  await make('again', people, ['id']);
  const headers = { 'idempotency-key': 'gone-1' };
  const first = await tombstone('again', { row_keys: [1, 50] }, headers);
  const second = await tombstone('again', { row_keys: [1, 50] }, headers);
  assert.deepEqual([first.status, first.tombstoned], [200, 1]);
  assert.deepEqual({ ...second, replayed: false }, first);
  assert.equal(second.replayed, true);
  assert.equal((await tombstone('again', { row_keys: [2] }, headers)).status, 409);
  const lift = { 'idempotency-key': 'back-1' };
  const lifted = await untombstone('again', { row_keys: [1, 2] }, lift);
  assert.deepEqual([lifted.status, lifted.untombstoned], [200, 1]);
  assert.deepEqual({ ...(await untombstone('again', { row_keys: [1, 2] }, lift)), replayed: false }, lifted);
});

test('keys of several columns, odd names and odd values', async () => {
  const name = 'odd/näme "x"';
  await make(name, 'who,day,note\nx,2026-01-01,1\nx,2026-01-02,2\n"it\'s",2026-01-01,3\n', ['who', 'day']);
  const gone = await tombstone(name, { row_keys: [['x', '2026-01-01'], { day: '2026-01-01', WHO: "it's" }, ['y', '2026-01-01']] });
  assert.deepEqual([gone.status, gone.tombstoned, gone.missing], [200, 2, [['y', '2026-01-01']]]);
  assert.deepEqual(await rows(`SELECT note FROM "${name.replaceAll('"', '""')}"`), [[2]]);
  assert.deepEqual((await tombstones(name)).items.map((t) => t.key), [
    { who: "it's", day: '2026-01-01' },
    { who: 'x', day: '2026-01-01' },
  ]);
  const told = await history('["x","2026-01-01"]', `?dataset=${encodeURIComponent(name)}`);
  assert.equal(told.items[0].old_value.note, 1);
});

test('an erased row leaves neither its key nor its values in the journal', async () => {
  await make('forget', 'who,mail\nk-4711,kim@example.org\nk-12,pat@example.org\n', ['who']);
  await tombstone('forget', { row_keys: ['k-4711'] });
  await untombstone('forget', { row_keys: ['k-4711'] });
  assert.equal((await history('k-4711', '?dataset=forget')).items.length, 2);
  const gone = await tombstone('forget', { row_keys: ['k-4711'], reason: 'Art. 17', actor: 'ana', erase: true });
  assert.deepEqual([gone.status, gone.tombstoned], [200, 1]);
  assert.equal((await ask('POST', '/journal/flush', {})).status, 200);
  const told = await history('k-4711', '?dataset=forget');
  assert.deepEqual([told.items, told.state], [[], null]);
  const recent = (await ask('GET', '/journal/recent?limit=1000')).items;
  const mine = recent.filter((e) => e.entity_type === 'forget');
  assert.equal(JSON.stringify(mine).includes('4711') || JSON.stringify(mine).includes('kim@'), false);
  assert.deepEqual(mine.map((e) => e.action).sort(), ['erase', 'tombstone', 'untombstone']);
  const erase = mine.find((e) => e.action === 'erase');
  assert.match(erase.entity_id, /^erased:[0-9a-f-]{36}$/);
  assert.deepEqual([erase.old_value, erase.new_value, erase.actor], [null, { reason: 'Art. 17' }, 'ana']);
  for (const event of mine) assert.equal(event.entity_id, erase.entity_id, 'one name takes the place of the key');
  // What happens after the erasure is told, also where the journal has not come to forgetting yet.
  await untombstone('forget', { row_keys: ['k-4711'] });
  await tombstone('forget', { row_keys: ['k-4711'], erase: true });
  await untombstone('forget', { row_keys: ['k-4711'] });
  await ask('POST', '/journal/flush', {});
  assert.deepEqual((await history('k-4711', '?dataset=forget')).items.map((e) => e.action), ['untombstone']);
  await tombstone('forget', { row_keys: ['k-4711'], erase: true });
  await ask('POST', '/journal/flush', {});
  // Nobody else's events changed, and a new life of the same key is told again.
  assert.equal((await history('2', '?dataset=people')).items.length > 0, true);
  await untombstone('forget', { row_keys: ['k-4711'] });
  assert.deepEqual((await history('k-4711', '?dataset=forget')).items.map((e) => e.action), ['untombstone']);
  assert.equal((await tombstone('forget', { row_keys: ['k-12'], erase: 'yes' })).status, 400);
});

test('what is no key is refused by its position', async () => {
  for (const [body, expected] of [
    [{ row_keys: [1, 'x'] }, /row_keys\[1\]/],
    [{ row_keys: [1.5] }, /row_keys\[0\].*whole number/],
    [{ row_keys: [null] }, /row_keys\[0\]/],
    [{ row_keys: [true] }, /row_keys\[0\]/],
    [{ row_keys: [[1, 2]] }, /row_keys\[0\] has 2 values/],
    [{ row_keys: [{ di: 1 }] }, /row_keys\[0\] has no "id"/],
    [{ row_keys: [1, '99999999999999999999'] }, /row_keys\[1\]/],
    [{ row_keys: [] }, /1 to 10000/],
    [{ row_keys: 1 }, /row_keys/],
    [{ keys: [1] }, /keys/],
    [{ row_keys: [1], reason: 7 }, /reason/],
  ]) {
    const reply = await tombstone('people', body);
    assert.equal(reply.status, 400, JSON.stringify([body, reply]));
    assert.match(reply.detail, expected);
  }
  await make('keyless', people);
  const keyless = await tombstone('keyless', { row_keys: [1] });
  assert.deepEqual([keyless.status, keyless.code], [409, 'conflict']);
  assert.match(keyless.hint, /primary_key/);
  assert.equal((await tombstone('nothing', { row_keys: [1] })).status, 404);
  assert.deepEqual((await tombstones('keyless')).items, []);
});

// Of each type a key (in SQL), ways to write it, and what a cast would round to it.
const exactKeys = [
  ['DECIMAL(38,0)', '2', ['2', 2, '2.0', '0.2e1'], ['1.5', 1.5, '1.9999999999999999999']],
  ['DECIMAL(9,3)', '1.500', ['1.5', 1.5, '1.50000'], ['1.4999999999999', 1.4999999999999, '1.5000000000001', 1.5004]],
  ['DECIMAL(38,1)', '12345678901234568', ['12345678901234568', 12345678901234568], ['12345678901234568.01']],
  ['DATE', "'2024-01-01'", ['2024-01-01', '2024-01-01T00:00:00'], ['2024-01-01 12:00:00', '2024-01-01T00:00:00.0001']],
  ['TIME', "'10:00:00'", ['10:00:00', '10:00:00.0000000'], ['10:00:00.0000001', '2024-01-01 10:00:00']],
  ['TIMESTAMP', "'2024-01-01 10:00:00.5'", ['2024-01-01 10:00:00.5', '2024-01-01T10:00:00.50000000'], ['2024-01-01 10:00:00.5000004']],
  ['TIMESTAMP WITH TIME ZONE', "'2024-01-01 10:00:00.5+00'", ['2024-01-01T10:00:00.5Z'], ['2024-01-01T10:00:00.5000004Z']],
  ['TIMESTAMP_NS', "'2024-01-01 10:00:00.123456789'", ['2024-01-01 10:00:00.123456789'], ['2024-01-01 10:00:00.1234567891']],
  ['BIGINT', '2', [2, '2'], ['1.5', 1.5]],
  ['INTEGER[]', '[2]', [[[2]], [['2']]], [[[1.5]], [['1.5']]]],
  ['VARCHAR', "'a'", ['a'], ['a\0b']],
];

test('a key that could only be rounded to a row names none', async () => {
  for (const [i, [type, key, same, other]] of exactKeys.entries()) {
    const name = `exact_${i}`;
    const parquet = await fetch(`${server.url}/query/sql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/vnd.apache.parquet' },
      body: JSON.stringify({ sql: `SELECT CAST(${key} AS ${type}) AS k, 1 AS v` }),
    });
    const made = await fetch(`${server.url}/ingest/file?name=${name}&mode=create&file_name=x.parquet&primary_key=k`, {
      method: 'POST', headers: { 'content-type': 'application/vnd.apache.parquet' }, body: Buffer.from(await parquet.arrayBuffer()),
    });
    assert.equal(made.status < 300, true, `${type}: ${await made.text()}`);
    const count = async () => (await rows(`SELECT count(*) FROM ${name}`))[0][0];
    for (const bad of other) {
      const what = `${type} ${JSON.stringify(bad)}`;
      const reply = await tombstone(name, { row_keys: [bad] });
      assert.deepEqual([what, reply.status, reply.code], [what, 400, 'invalid'], JSON.stringify(reply));
      assert.equal(await count(), 1, what);
    }
    for (const good of same) {
      const what = `${type} ${JSON.stringify(good)}`;
      const reply = await tombstone(name, { row_keys: [good] });
      assert.deepEqual([what, reply.status, reply.tombstoned], [what, 200, 1], JSON.stringify(reply));
      for (const bad of other) assert.deepEqual([what, (await untombstone(name, { row_keys: [bad] })).status], [what, 400]);
      assert.deepEqual([what, (await untombstone(name, { row_keys: [good] })).untombstoned], [what, 1]);
    }
    const texts = (keys) => keys.filter((k) => typeof k === 'string' && !k.includes('\0'));
    for (const bad of texts(other)) assert.deepEqual([bad, (await history(bad, `?dataset=${name}`)).status], [bad, 400]);
    for (const good of texts(same)) assert.deepEqual([good, (await history(good, `?dataset=${name}`)).items?.length > 0], [good, true]);
  }
  const long = await tombstone('exact_0', { row_keys: [1.2345678901234567] });
  assert.match(long.hint, /string/);
  const reply = await fetch(server.url + path('exact_0', 'tombstone'), {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"row_keys":[99999999999999999999]}',
  });
  assert.equal(reply.status, 400);
  assert.match((await reply.json()).detail, /column \d+ .*too large: write it as a string/);
});

test('many at one time: every row goes once', async () => {
  const ids = Array.from({ length: 60 }, (_, i) => i);
  await make('crowd', `id\n${ids.join('\n')}\n`, ['id']);
  const answers = await Promise.all(
    Array.from({ length: 6 }, (_, i) => tombstone('crowd', { row_keys: ids.filter((id) => id % 6 === i || id < 6) })),
  );
  for (const answer of answers) assert.equal(answer.status, 200, JSON.stringify(answer));
  assert.equal(answers.reduce((sum, a) => sum + a.tombstoned, 0), 60);
  assert.deepEqual(await rows('SELECT count(*) FROM crowd'), [[0]]);
  const told = await history('0', '?dataset=crowd');
  assert.equal(told.items.length, 1);
});

test('it outlives a kill, and so does its event', async () => {
  const gone = await tombstone('people', { row_keys: [4], reason: 'late' });
  assert.equal(gone.tombstoned, 1);
  await server.kill9();
  server = await startServer({ dataDir: folder });
  assert.deepEqual(await rows('SELECT id FROM people ORDER BY id'), [[1], [2]]);
  assert.deepEqual((await history('4', '?dataset=people')).items.map((e) => e.new_value), [{ reason: 'late' }]);
});

test('lakehouse tombstone does it from the command line', async () => {
  const args = (...more) => ['tombstone', ...more, '--server', server.url];
  const gone = await runLakehouse(args('people', '1', '98', '--reason', 'by hand'));
  assert.deepEqual([gone.code, gone.stdout], [3, '1 rows are gone\n']);
  assert.match(gone.stderr, /98: no such row/);
  assert.match((await runLakehouse(args('people'))).stdout, /1  by hand/);
  const back = await runLakehouse(args('people', '1', '--undo', '--json'));
  assert.equal(JSON.parse(back.stdout).untombstoned, 1);
  assert.equal((await runLakehouse(args('people', '1', '--undo'))).code, 1);
  assert.equal((await runLakehouse(args('people', '--undo'))).code, 2);
  const shown = await runLakehouse(['history', 'people', '1', '--server', server.url]);
  assert.match(shown.stdout, /untombstone/);
});
