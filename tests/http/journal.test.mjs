// The event journal: what every change leaves, what clients add, what an entity looked like.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { makeTemporaryFolder, runLakehouse, startServer } from './server.mjs';

let server;
const folder = makeTemporaryFolder();
// Nothing is flushed unless a test says so.
const env = { LAKEHOUSE__JOURNAL__FLUSH_INTERVAL: '1h' };

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
const get = (route) => ask('GET', route);
const post = (route, body = {}) => ask('POST', route, body);
const history = (entity, query = '') => get(`/journal/history/${entity}${query}`);

async function ingest(name, csv, mode) {
  const reply = await fetch(`${server.url}/ingest/file?name=${name}&mode=${mode}&file_name=${name}.csv`, {
    method: 'POST',
    headers: { 'content-type': 'text/csv' },
    body: csv,
  });
  assert.equal(reply.status < 300, true, await reply.text());
}

test('a dataset leaves its whole life', async () => {
  await ingest('people', 'id,mail\n1,a@example.com\n2,b@example.com\n', 'create');
  await ingest('people', 'id,mail\n3,c@example.com\n', 'append');
  const patched = await ask('PATCH', '/catalog/datasets/by-name/people/metadata', {
    owner: 'ana',
    tags: ['x'],
    columns: { mail: { description: 'where to write' } },
  });
  assert.equal(patched.status, 200);
  await ask('PATCH', '/catalog/datasets/by-name/people/metadata', { owner: 'bo' });
  const alive = await history('people');
  assert.equal(alive.status, 200);
  assert.deepEqual(
    alive.items.map((e) => [e.action, e.field ?? null]),
    [
      ['ingest', null],
      ['ingest', null],
      ...alive.items.slice(2, 5).map((e) => ['patch', e.field]),
      ['patch', 'owner'],
    ],
  );
  assert.deepEqual(alive.items.slice(2, 5).map((e) => e.field).sort(), ['columns.mail.description', 'owner', 'tags']);
  assert.equal(alive.items[0].old_value, null);
  assert.equal(alive.items[0].new_value.row_count, 2);
  assert.equal(alive.items[0].new_value['columns.mail.type'], 'VARCHAR');
  assert.equal(alive.items[0].new_value.source.name, 'people.csv');
  assert.equal(alive.items[1].old_value.row_count, 2);
  assert.equal(alive.items[1].new_value.row_count, 3);
  assert.equal(alive.items[1].new_value.added_file_count, 1);
  assert.deepEqual([alive.items[5].old_value, alive.items[5].new_value], ['ana', 'bo']);
  for (const e of alive.items) {
    assert.equal(e.entity_type, 'dataset');
    assert.equal(e.source, 'catalog');
    assert.match(e.id, /^[0-9A-HJKMNP-TV-Z]{26}$/);
  }
  assert.equal(alive.state.owner, 'bo');
  assert.equal(alive.state.row_count, 3);

  // What it looked like at each moment.
  assert.equal((await history('people', `?as_of=${alive.items[0].ts}`)).state.row_count, 2);
  const before = await history('people', `?as_of=${alive.items[4].ts}`);
  assert.equal(before.state.owner, 'ana');
  assert.equal(before.state['columns.mail.description'], 'where to write');
  assert.equal(before.items.length, 5);

  assert.equal((await ask('DELETE', '/catalog/datasets/by-name/people')).status < 300, true);
  const gone = await history('people');
  assert.equal(gone.items.at(-1).action, 'delete');
  assert.equal(gone.items.at(-1).old_value.row_count, 3);
  assert.equal(gone.state, null);
  assert.equal((await history('people', `?as_of=${alive.items[5].ts}`)).state.owner, 'bo');
});

test('buckets and keys leave events', async () => {
  const bucket = await post('/storage/buckets', { name: 'side', root: makeTemporaryFolder() });
  assert.equal(bucket.status, 201);
  await ask('DELETE', '/storage/buckets/side');
  assert.deepEqual((await history('side')).items.map((e) => e.action), ['create', 'delete']);
  const key = await post('/access/keys', { role: 'agent', name: 'robot' });
  await ask('DELETE', `/access/keys/${key.id}`);
  const events = (await history(key.id)).items;
  assert.deepEqual(events.map((e) => [e.entity_type, e.action]), [['key', 'create'], ['key', 'revoke']]);
  assert.equal(JSON.stringify(events).includes(key.key), false, 'the secret is not in the journal');
});

test('clients write events, alone and together', async () => {
  const one = await post('/journal/event', {
    entity_type: 'candidate', entity_id: 'candidates/C-1', action: 'call', new_value: { minutes: 4 }, workspace_id: 'w1',
  });
  assert.equal(one.status, 201);
  const change = await post('/journal/update', {
    entity_type: 'candidate', entity_id: 'candidates/C-1', field: 'city', old_value: 'Bonn', new_value: 'Ulm',
  });
  assert.equal(change.status, 201);
  const seen = await history('candidates/C-1');
  assert.deepEqual(seen.items.map((e) => e.id), [...one.ids, ...change.ids]);
  assert.deepEqual(seen.state, { minutes: 4, city: 'Ulm' });
  assert.equal(seen.items[0].workspace_id, 'w1');

  const many = await post('/journal/event', {
    events: Array.from({ length: 50 }, (_, i) => ({ entity_type: 't', entity_id: 'many', action: 'n', new_value: i })),
  });
  assert.equal(many.count, 50);
  assert.deepEqual((await history('many', '?limit=3')).items.map((e) => e.new_value), [47, 48, 49]);
  assert.deepEqual((await get('/journal/recent?limit=2')).items.map((e) => e.new_value), [49, 48]);
  assert.equal((await history('nobody')).items.length, 0);
  assert.equal((await history('nobody')).state, null);
});

test('things of one id and several types are told apart', async () => {
  for (const [entity_type, city] of [['client', 'Rome'], ['candidate', 'Oslo']])
    await post('/journal/event', { entity_type, entity_id: '17', action: 'create', new_value: { city } });
  const both = await history('17');
  assert.deepEqual(both.entity_types.sort(), ['candidate', 'client']);
  assert.deepEqual([both.items.length, both.state, both.state_complete], [2, null, false]);
  assert.match(both.hint, /entity_type=/);
  const one = await history('17', '?entity_type=candidate');
  assert.deepEqual([one.items.length, one.state, one.entity_types], [1, { city: 'Oslo' }, ['candidate']]);
  assert.equal((await history('17', '?entity_type=candidate&dataset=x')).status, 400);
});

test('a row is what its dataset says, now and then', async () => {
  await ingest('folk', 'id,mail\n17,a@example.com\n18,b@example.com\n', 'create');
  const then = new Date().toISOString();
  await ingest('folk', 'id,mail\n17,z@example.com\n', 'replace');
  await ask('PATCH', '/catalog/datasets/by-name/folk/metadata', { primary_key: ['id'] });
  const now = await history('17', '?dataset=FOLK');
  assert.deepEqual([now.status, now.items.length, now.state, now.state_complete], [200, 0, { id: 17, mail: 'z@example.com' }, true]);
  assert.equal((await history('18', '?dataset=folk')).state, null);
  const odd = await history("1' OR '1'='1", '?dataset=folk');
  assert.deepEqual([odd.status, odd.code], [400, 'invalid']);
  assert.match(odd.detail, /whose key is "id" BIGINT/);
  // Without a key then: nothing can be said of a row.
  assert.equal((await history('17', `?dataset=folk&as_of=${then}`)).state, null);
  await ingest('folk', 'id,mail\n17,y@example.com\n', 'replace');
  const shown = await runLakehouse(['history', 'folk', '17', '--server', server.url]);
  assert.match(shown.stdout, /y@example.com/);
  const past = await history('17', `?dataset=folk&as_of=${(await get('/catalog/datasets/folk/versions?limit=2')).items[1].at}`);
  assert.deepEqual(past.state, { id: 17, mail: 'z@example.com' });
});

test('what is no event is refused, and the whole call with it', async () => {
  const good = { entity_type: 't', entity_id: 'refused', action: 'n' };
  for (const bad of [
    { entity_type: 't' },
    { ...good, entity_id: '' },
    { ...good, entity_id: 'a\nb' },
    { ...good, id: '01ARZ3NDEKTSV4RRFFQ69G5FAV' },
    { ...good, new_value: 'x'.repeat(70000) },
    { events: [] },
    { events: [good, { ...good, action: 7 }] },
  ]) {
    const reply = await post('/journal/event', bad);
    assert.equal(reply.status === 400 || reply.status === 413, true, `${reply.status} ${JSON.stringify(bad).slice(0, 80)}`);
  }
  assert.equal((await history('refused')).items.length, 0);
  assert.equal((await history('refused', '?as_of=yesterday')).status, 400);
});

test('the answers are the same after a flush, a kill and a restart', async () => {
  const entities = ['people', 'side', 'candidates/C-1', 'many'];
  const expected = await Promise.all(entities.map((e) => history(e)));
  assert.equal((await get('/journal/stats')).pending > 0, true);
  await server.kill9();
  server = await startServer({ dataDir: folder, env });
  assert.deepEqual(await Promise.all(entities.map((e) => history(e))), expected);
  assert.equal((await post('/journal/flush')).status, 200);
  const stats = await get('/journal/stats');
  assert.equal(stats.pending, 0);
  assert.equal(stats.covered_version, stats.catalog_version);
  assert.deepEqual(await Promise.all(entities.map((e) => history(e))), expected);
  await ingest('late', 'a\n1\n', 'create'); // in the commit log, and nowhere else when the power goes
  await server.kill9();
  server = await startServer({ dataDir: folder, env });
  assert.equal((await history('late')).items[0].action, 'ingest');
  assert.deepEqual(await Promise.all(entities.map((e) => history(e))), expected);
});

test('lakehouse history tells it to people', async () => {
  const shown = await runLakehouse(['history', 'late', '--server', server.url]);
  assert.equal(shown.code, 0, shown.stderr);
  assert.match(shown.stdout, /ingest .*"row_count":1/);
  const json = await runLakehouse(['history', 'candidates/C-1', '--as-of', '2999-01-01', '--json', '--server', server.url]);
  assert.deepEqual(JSON.parse(json.stdout).state, { minutes: 4, city: 'Ulm' });
  assert.equal((await runLakehouse(['history', 'nobody', '--server', server.url])).code, 1);
});
