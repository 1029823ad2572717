// What an upsert does to each row, field by field, as the journal tells it; and what a row was at any moment.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { makeTemporaryFolder, query, runLakehouse, startServer } from './server.mjs';

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

test('writers of different rows at one time go together', async () => {
  const rows = Array.from({ length: 16 }, (_, i) => `${i},0`).join('\n');
  await upload('tallies', 'create', `id,n\n${rows}\n`, '&primary_key=id');
  const answers = await Promise.all(Array.from({ length: 16 }, (_, i) => upsert([{ id: i, n: i + 1 }], 'tallies')));
  for (const answer of answers) assert.equal(answer.status < 300, true, JSON.stringify(answer));
  const versions = new Set(answers.map((answer) => answer.version));
  assert.ok(versions.size < 16, 'each waited for the one before it');
  for (let i = 0; i < 16; i++) {
    const changes = (await ask('GET', `/journal/history/${i}?dataset=tallies`)).items;
    assert.deepEqual(changes.map((e) => [e.field, e.old_value, e.new_value]), [['n', 0, i + 1]]);
  }
  assert.deepEqual((await query(server, 'SELECT count(*) FROM tallies WHERE n = id + 1')).rows, [[16]]);
});

test('rows are taken away, and come back, while others upsert without a pause', async () => {
  const ids = Array.from({ length: 4 }, (_, i) => i);
  await upload('busy', 'create', `id,n\n${ids.map((id) => `${id},0`).join('\n')}\n100,0\n`, '&primary_key=id');
  let over = false;
  const writers = ids.map(async (id) => {
    for (let n = 1; !over; n++) {
      const answer = await upsert([{ id, n }], 'busy');
      assert.equal(answer.status < 300, true, JSON.stringify(answer));
    }
  });
  const change = async (verb, key) => {
    const answer = await ask('POST', `/catalog/datasets/busy/${verb}`, { row_keys: [key] });
    assert.equal(answer.status, 200, JSON.stringify(answer));
    return answer;
  };
  try {
    for (let i = 0; i < 10; i++) {
      const { tombstoned, version } = await change('tombstone', 100);
      assert.equal(tombstoned, 1);
      assert.deepEqual((await query(server, 'SELECT id FROM busy WHERE id = 100', { as_of: version })).rows, []);
      assert.equal((await change('untombstone', 100)).untombstoned, 1);
    }
    for (const id of ids) await change('tombstone', id); // which its writer may write again at any moment
  } finally {
    over = true;
    await Promise.all(writers);
  }
  for (const id of ids) {
    const changes = (await ask('GET', `/journal/history/${id}?dataset=busy&limit=1000`)).items;
    assert.equal(changes.filter((e) => e.action === 'tombstone').length, 1);
  }
  assert.deepEqual((await query(server, 'SELECT n FROM busy WHERE id = 100')).rows, [[0]]);
});

test('upserts without a history do not overtake what takes rows away', async () => {
  const plain = await startServer({ env: { LAKEHOUSE__JOURNAL__ROW_HISTORY_MAX_ROWS: '0' } });
  const post = (route, body, type = 'application/json') =>
    fetch(plain.url + route, { method: 'POST', body, headers: { 'content-type': type } });
  let over = false;
  try {
    const made = await post('/ingest/file?mode=create&name=busy&file_name=x.csv&primary_key=id', 'id,n\n1,0\n100,0\n', 'text/csv');
    assert.equal(made.status < 300, true, await made.text());
    const writers = Array.from({ length: 8 }, async () => {
      for (let n = 1; !over; n++) assert.equal((await post('/query/delta/busy', JSON.stringify([{ id: 1, n }]))).status, 200);
    });
    try {
      for (let i = 0; i < 4; i++) {
        for (const verb of ['tombstone', 'untombstone']) {
          const answer = await post(`/catalog/datasets/busy/${verb}`, JSON.stringify({ row_keys: [100] }));
          assert.equal(answer.status, 200, await answer.text());
        }
      }
    } finally {
      over = true;
      await Promise.all(writers);
    }
  } finally {
    await plain.stop();
  }
});

test('one whose rows cannot be taken spoils nothing for the others; one with a new column goes alone', async () => {
  await upload('mixed', 'create', 'id,n\n1,0\n2,0\n3,0\n', '&primary_key=id');
  const wrong = Array.from({ length: 4 }, () => upsert([{ id: 'x', n: 1 }], 'mixed'));
  const right = [1, 2, 3].map((id) => upsert([{ id, n: 1 }], 'mixed'));
  const wider = [1, 2, 3].map((id) => upsert([{ id, n: 2, [`more${id}`]: true }], 'mixed'));
  for (const answer of await Promise.all(wrong)) assert.equal(answer.status >= 400 && answer.status < 500, true, JSON.stringify(answer));
  for (const answer of await Promise.all([...right, ...wider])) assert.equal(answer.status < 300, true, JSON.stringify(answer));
  for (const id of [1, 2, 3]) {
    const items = (await ask('GET', `/journal/history/${id}?dataset=mixed`)).items;
    let n = 0;
    for (const e of items.filter((item) => item.field === 'n')) {
      assert.equal(e.old_value, n);
      n = e.new_value;
    }
    assert.deepEqual((await query(server, `SELECT n FROM mixed WHERE id = ${id}`)).rows, [[n]]);
    assert.ok(items.some((item) => item.field === `more${id}` && item.new_value === true));
  }
});

async function job(started) {
  assert.equal(started.status, 202, JSON.stringify(started));
  for (let tries = 0; tries < 600; tries++) {
    const now = await ask('GET', `/jobs/${started.job_id}`);
    if (!['queued', 'running', 'waiting'].includes(now.state)) return assert.equal(now.state, 'done', JSON.stringify(now));
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return assert.fail('the job did not end');
}

test('what a vacuum took is not said to have never been', async () => {
  await upload('taken', 'create', 'id,v\n1,1\n2,2\n3,3\n', '&primary_key=id');
  const then = new Date().toISOString();
  const at = async (key) => {
    const answer = await ask('GET', `/journal/history/${key}?dataset=taken&as_of=${then}`);
    return [answer.status, answer.items.length, answer.state, answer.state_complete];
  };
  assert.deepEqual(await at('1'), [200, 0, { id: 1, v: 1 }, true]);
  assert.deepEqual(await at('4'), [200, 0, null, true]);
  await upsert([{ id: 1, v: 10 }], 'taken');
  await upsert([{ id: 4, v: 4 }], 'taken');
  await job(await ask('POST', '/query/compact', { dataset: 'taken' }));
  await job(await ask('POST', '/catalog/vacuum', { retention_hours: 0 }));
  assert.deepEqual(await at('1'), [200, 0, { v: 1 }, false], 'the old value of a later change is known');
  assert.deepEqual(await at('2'), [200, 0, null, false]);
  assert.deepEqual(await at('4'), [200, 0, null, false]);
  const inserted = (await ask('GET', '/journal/history/4?dataset=taken')).items[0].ts;
  const whole = await ask('GET', `/journal/history/4?dataset=taken&as_of=${inserted}`);
  assert.deepEqual([whole.state, whole.state_complete], [{ id: 4, v: 4 }, true], 'its events begin with its creation');
});

test('what rows became without being told, and what a vacuum took, is not said to be as it was told before', async () => {
  const name = 'bulky';
  const at = async (key, moment) => {
    const answer = await ask('GET', `/journal/history/${key}?dataset=${name}&as_of=${moment}`);
    assert.equal(answer.status, 200);
    return [answer.state, answer.state_complete];
  };
  const told = async (key) => (await ask('GET', `/journal/history/${key}?dataset=${name}`)).items.at(-1).ts;
  await upload(name, 'create', 'id,v\n1,1\n', '&primary_key=id');
  await upsert([{ id: 4, v: 4 }, { id: 5, v: 5 }], name);
  const inserted = await told('4');
  await upsert(Array.from({ length: 51 }, (_, i) => ({ id: 4 + i, v: 400 + i })), name);
  const bulk = new Date().toISOString();
  await upsert([{ id: 5, v: 6 }, { id: 99, v: 99 }], name);
  const later = await told('99');
  await ask('POST', `/catalog/datasets/${name}/tombstone`, { row_keys: [6] });
  const gone = await told('6');
  assert.deepEqual(await at('4', bulk), [{ id: 4, v: 400 }, true], 'its version can be read still');
  await job(await ask('POST', '/query/compact', { dataset: name }));
  await job(await ask('POST', '/catalog/vacuum', { retention_hours: 0 }));
  assert.deepEqual(await at('4', inserted), [{ id: 4, v: 4 }, true]);
  assert.deepEqual(await at('4', bulk), [null, false]);
  assert.deepEqual(await at('5', bulk), [{ v: 401 }, false], 'the old value of a later change is known');
  assert.deepEqual(await at('5', later), [{ v: 6 }, false]);
  assert.deepEqual(await at('99', later), [{ id: 99, v: 99 }, true], 'told as a whole after the bulk');
  assert.deepEqual(await at('6', gone), [null, true]);
  await ask('PATCH', `/catalog/datasets/by-name/${name}/metadata`, { description: 'still' });
  assert.deepEqual((await ask('GET', `/journal/history/4?dataset=${name}`)).state, { id: 4, v: 400 });
});

test('a key is found however it is written; what is no key, and what is no dataset, is refused', async () => {
  await upload('pairs', 'create', 'who,no,v\nx,1,1\n', '&primary_key=who,no');
  const done = await upsert([{ who: 'x', no: 1, v: 2 }], 'pairs');
  assert.equal(done.status < 300, true, JSON.stringify(done));
  const of = (key, name = 'pairs') => ask('GET', `/journal/history/${encodeURIComponent(key)}?dataset=${name}`);
  for (const key of ['["x","1"]', '["x",1]', '[ "x", "01" ]', '{"no":1,"who":"x"}']) {
    const answer = await of(key);
    assert.deepEqual([answer.status, answer.entity_id, answer.items?.length], [200, '["x","1"]', 1], key);
    assert.deepEqual(answer.state, { who: 'x', no: 1, v: 2 });
  }
  for (const key of ['x', '["x"]', '["x","y"]', '["x","99999999999999999999"]', '{"who":"x"}', '7']) {
    const answer = await of(key);
    assert.deepEqual([answer.status, answer.code], [400, 'invalid'], key);
    assert.match(answer.detail, /"who" VARCHAR, "no" BIGINT/);
    assert.match(answer.hint, /JSON array/);
  }
  const nothing = await of('1', 'peeple');
  assert.deepEqual([nothing.status, nothing.code], [404, 'not_found']);
  assert.match(nothing.detail + nothing.hint, /people/);
  await ask('POST', '/journal/event', { entity_type: 'elsewhere', entity_id: '1', new_value: 1 });
  assert.equal((await of('1', 'elsewhere')).items.length, 1);
  const shown = await runLakehouse(['history', 'peeple', '1', '--server', server.url]);
  assert.equal(shown.code, 1);
  assert.match(shown.stderr, /people/);
});

test('many rows at one time are told as few are, whatever the type of the key', async (t) => {
  const other = await startServer({ t });
  const call = async (route, type, body) => {
    const reply = await fetch(other.url + route, { method: 'POST', headers: { 'content-type': type }, body });
    assert.equal(reply.status < 300, true, await reply.text());
  };
  for (const [name, key] of [['whole', (i) => [i, `k${i % 7}`]], ['halves', (i) => [i + 0.5, `k${i % 7}`]]]) {
    const lines = Array.from({ length: 400 }, (_, i) => `${key(i).join(',')},${i}`).join('\n');
    await call(`/ingest/file?name=${name}&mode=create&file_name=x.csv&primary_key=no,who`, 'text/csv', `no,who,v\n${lines}\n`);
    for (const add of [1000, 2000]) { // over the base, then over a delta; every other row, and ten new ones
      const rows = Array.from({ length: 210 }, (_, i) => ({ no: key(2 * i)[0], who: key(2 * i)[1], v: add + 2 * i }));
      await call(`/query/delta/${name}`, 'application/json', JSON.stringify(rows));
    }
    const told = await query(other, `SELECT action, count(*), sum(CAST(old_value AS BIGINT)), sum(CAST(new_value AS BIGINT))
      FROM system.events WHERE entity_type = '${name}' AND action = 'update' GROUP BY ALL`);
    const old = (n) => n * (n - 1); // 0 + 2 + ... + 2 (n - 1)
    assert.deepEqual(told.rows.map((r) => r.map((x) => (/^\d+$/.test(x) ? Number(x) : x))),
      [['update', 410, old(200) + 210 * 1000 + old(210), 200 * 1000 + old(200) + 210 * 2000 + old(210)]]);
    const inserted = await query(other, `SELECT count(*) FROM system.events WHERE entity_type = '${name}' AND action = 'insert'`);
    assert.deepEqual(inserted.rows, [[10]]);
  }
});

test('it outlives a kill', async () => {
  await upsert([{ id: 3, mail: 'late@x.org', score: 3.5 }]);
  await server.kill9();
  server = await startServer({ dataDir: folder, env });
  assert.deepEqual(told(await history('3')), [['update', 'mail', 'c@x.org', 'late@x.org']]);
});
