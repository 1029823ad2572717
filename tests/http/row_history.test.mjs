// What an upsert does to each row, field by field, as the journal tells it; and what a row was at any moment.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { makeTemporaryFolder, query, startServer } from './server.mjs';

let server;
const folder = makeTemporaryFolder();
const env = { LAKEHOUSE__JOURNAL__ROW_HISTORY_MAX_ROWS: '50' };

before(async () => {
  server = await startServer({ dataDir: folder, env });
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
const history = (key, more = '') => ask('GET', `/journal/history/${encodeURIComponent(key)}?dataset=people${more}`);
const upsert = (rows, name = 'people') => ask('POST', `/query/delta/${name}`, rows);
const told = (answer) => answer.items.map((e) => [e.action, e.field ?? null, e.old_value, e.new_value]);

async function upload(name, mode, csv, more = '') {
  const reply = await fetch(`${server.url}/ingest/file?name=${name}&mode=${mode}&file_name=x.csv${more}`, {
    method: 'POST',
    headers: { 'content-type': 'text/csv' },
    body: csv,
  });
  const text = await reply.text();
  assert.equal(reply.status < 300, true, text);
  return JSON.parse(text);
}

test('an upsert tells the fields that changed, and new rows whole', async () => {
  await upload('people', 'create', 'id,mail,score\n1,a@x.org,1.5\n2,b@x.org,2.5\n3,c@x.org,3.5\n', '&primary_key=id');
  const done = await upsert([
    { id: 1, mail: 'a@y.org', score: 1.5 },
    { id: 2, mail: 'b@x.org', score: 2.5 },
    { id: 9, mail: 'new@x.org', score: null },
  ]);
  assert.equal(done.status < 300, true, JSON.stringify(done));
  assert.deepEqual(told(await history('1')), [['update', 'mail', 'a@x.org', 'a@y.org']]);
  assert.deepEqual(told(await history('2')), [], 'nothing changed');
  assert.deepEqual(told(await history('9')), [['insert', null, null, { id: 9, mail: 'new@x.org', score: null }]]);
  const whole = (await ask('GET', '/journal/history/people')).items.at(-1);
  assert.equal(whole.new_value.added_file_count, 1);
  assert.equal(whole.new_value.added_files[0].role, 'delta');
});

test('what a row was then can be read', async () => {
  const first = (await history('1')).items[0].ts;
  await upsert([{ id: 1, mail: 'a@z.org', score: 9.25 }]);
  const now = await history('1');
  assert.deepEqual(told(now).slice(1).sort(), [
    ['update', 'mail', 'a@y.org', 'a@z.org'],
    ['update', 'score', 1.5, 9.25],
  ]);
  assert.deepEqual(now.state, { id: 1, mail: 'a@z.org', score: 9.25 });
  const then = await history('1', `&as_of=${first}`);
  assert.deepEqual([then.items.length, then.state], [1, { id: 1, mail: 'a@y.org', score: 1.5 }]);
  await ask('POST', '/catalog/datasets/people/tombstone', { row_keys: [1] });
  await upsert([{ id: 1, mail: 'back@x.org', score: 0 }]);
  assert.deepEqual((await history('1')).items.map((e) => e.action).slice(-2), ['tombstone', 'insert']);
});

test('a file upserts with the same history; a new column is told; a large one is not told row by row', async () => {
  await upload('people', 'upsert', 'id,mail,score,city\n2,b@y.org,2.5,Ulm\n');
  assert.deepEqual(told(await history('2')).sort(), [
    ['update', 'city', null, 'Ulm'],
    ['update', 'mail', 'b@x.org', 'b@y.org'],
  ]);
  const many = Array.from({ length: 51 }, (_, i) => ({ id: 100 + i, mail: `m${i}`, score: i }));
  await upsert(many);
  assert.equal((await history('100')).items.length, 0);
  assert.deepEqual((await history('100')).state, { id: 100, mail: 'm0', score: 0, city: null });
  await upsert(many.slice(0, 50).map((row) => ({ ...row, mail: 'changed' })));
  assert.equal((await history('149')).items.length, 1);
  assert.deepEqual((await query(server, "SELECT count(*) FROM people WHERE mail = 'changed'")).rows, [[50]]);
});

test('writers at one time: every change is told once, from the value that it found', async () => {
  await upload('counters', 'create', 'id,n\n1,0\n2,0\n', '&primary_key=id');
  const answers = await Promise.all(Array.from({ length: 12 }, (_, i) => upsert([{ id: 1, n: i + 1 }], 'counters')));
  for (const answer of answers) assert.equal(answer.status < 300, true, JSON.stringify(answer));
  const changes = (await ask('GET', '/journal/history/1?dataset=counters')).items;
  assert.equal(changes.length, 12);
  changes.forEach((e, i) => assert.equal(e.old_value, i === 0 ? 0 : changes[i - 1].new_value));
  assert.deepEqual((await query(server, 'SELECT n FROM counters WHERE id = 1')).rows, [[changes.at(-1).new_value]]);
});

test('it outlives a kill', async () => {
  await upsert([{ id: 3, mail: 'late@x.org', score: 3.5 }]);
  await server.kill9();
  server = await startServer({ dataDir: folder, env });
  assert.deepEqual(told(await history('3')), [['update', 'mail', 'c@x.org', 'late@x.org']]);
});
