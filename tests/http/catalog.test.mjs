// From a file to SQL over HTTP: upload, catalog, query, time travel, and what each of them refuses.
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { after, before, test } from 'node:test';
import { query, startServer } from '../lib/server.mjs';

let server;
before(async () => {
  server = await startServer();
});
after(() => server.stop());

const json = { 'content-type': 'application/json' };
const get = async (route) => (await fetch(server.url + route)).json();

async function upload(csv, fields, fileName = 'people.csv') {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  form.append('file', new Blob([csv], { type: 'text/csv' }), fileName);
  const reply = await fetch(`${server.url}/ingest/file`, { method: 'POST', body: form });
  return { status: reply.status, ...(await reply.json()) };
}

test('a file becomes a dataset, once', async () => {
  const first = await upload('id,name\n1,Ann\n2,Bob\n', {});
  assert.equal(first.status, 201);
  assert.equal(first.dataset, 'people');
  assert.equal(first.row_count, 2);
  const again = await upload('id,name\n1,Ann\n2,Bob\n', { name: 'people' });
  assert.equal(again.status, 200);
  assert.equal(again.deduplicated, true);
  assert.equal(again.version, first.version);
  assert.deepEqual((await query(server, 'SELECT * FROM people ORDER BY id')).rows, [[1, 'Ann'], [2, 'Bob']]);
});

test('the bytes themselves, with the fields in the query string', async () => {
  const reply = await fetch(`${server.url}/ingest/file?name=raw&file_name=raw.tsv`, { method: 'POST', body: 'a\tb\n1\t2\n' });
  assert.equal(reply.status, 201);
  assert.deepEqual((await query(server, 'SELECT b FROM raw')).rows, [[2]]);
});

test('what an upload must not be', async () => {
  const cases = [
    [{ odd: 'x' }, 400, /there is no field "odd"/],
    [{ mode: 'sideways' }, 400, /mode/],
    [{ source_system: 'nasa' }, 400, /source_system/],
  ];
  for (const [fields, status, message] of cases) {
    const reply = await upload('a\n1\n', fields);
    assert.equal(reply.status, status, reply.detail);
    assert.match(reply.detail, message);
  }
  const empty = await fetch(`${server.url}/ingest/file`, { method: 'POST', body: '' });
  assert.equal(empty.status, 400);
  const noFile = new FormData();
  noFile.append('name', 'x');
  const without = await fetch(`${server.url}/ingest/file`, { method: 'POST', body: noFile });
  assert.equal(without.status, 400);
  assert.match((await without.json()).detail, /no part named "file"/);
  const cut = await fetch(`${server.url}/ingest/file`, {
    method: 'POST',
    headers: { 'content-type': 'multipart/form-data; boundary=B' },
    body: '--B\r\nContent-Disposition: form-data; name=file; filename=x.csv\r\n\r\na\n1\n',
  });
  assert.equal(cut.status, 400);
  assert.match((await cut.json()).detail, /closing boundary/);
  const bucket = await fetch(`${server.url}/ingest/file?name=x`, { method: 'POST', body: 'a\n1\n', headers: { 'x-lakehouse-bucket': 'nowhere' } });
  assert.equal(bucket.status, 404);
  assert.match((await bucket.json()).hint, /primary/);
});

test('the catalog, page by page, and one dataset', async () => {
  for (let i = 0; i < 5; i++) await upload(`x\n${i}\n`, { name: `page_${i}` });
  const names = [];
  let token = '';
  do {
    const page = await get(`/catalog/datasets?limit=2${token && `&page_token=${token}`}`);
    assert.ok(page.items.length <= 2);
    names.push(...page.items.map((d) => d.name));
    token = page.next_page_token;
  } while (token);
  assert.deepEqual(names.filter((n) => n.startsWith('page_')), ['page_0', 'page_1', 'page_2', 'page_3', 'page_4']);
  assert.deepEqual([...names].sort(), names);
  const one = await get('/catalog/datasets/by-name/PAGE_3');
  assert.equal(one.name, 'page_3');
  assert.equal(one.files[0].bucket, 'primary');
  assert.equal(one.lineage[0].source_system, 'upload');
  assert.equal((await get('/catalog/lineage/page_3')).sources.length, 1);
  const missing = await fetch(`${server.url}/catalog/datasets/by-name/page_33`);
  assert.equal(missing.status, 404);
  assert.match((await missing.json()).hint, /page_3/);
});

test('time travel, versions, delete', async () => {
  const first = await upload('n\n1\n', { name: 'travel' });
  const second = await upload('n\n2\n', { name: 'travel', mode: 'append' });
  assert.ok(second.version > first.version);
  const rows = async (as_of) => (await query(server, 'SELECT n FROM travel ORDER BY n', { as_of })).rows;
  assert.deepEqual(await rows(undefined), [[1], [2]]);
  assert.deepEqual(await rows(first.version), [[1]]);
  const { items } = await get('/catalog/datasets/travel/versions');
  assert.deepEqual(items.map((v) => v.version), [second.version, first.version]);
  assert.deepEqual(await rows(items[1].at), [[1]]);
  const older = await get('/catalog/datasets/travel/versions?limit=1');
  assert.equal((await get(`/catalog/datasets/travel/versions?limit=1&page_token=${older.next_page_token}`)).items[0].version, first.version);
  assert.equal((await query(server, 'SELECT 1', { as_of: 'yesterday' })).status, 400);
  assert.equal((await query(server, 'SELECT 1', { as_of: 999999 })).status, 404);

  const gone = await fetch(`${server.url}/catalog/datasets/by-name/travel`, { method: 'DELETE', headers: { 'idempotency-key': 'once' } });
  assert.equal(gone.status, 200);
  const replay = await fetch(`${server.url}/catalog/datasets/by-name/travel`, { method: 'DELETE', headers: { 'idempotency-key': 'once' } });
  assert.equal((await replay.json()).replayed, true);
  assert.equal((await query(server, 'SELECT * FROM travel')).status, 400);
  assert.deepEqual(await rows(first.version), [[1]]);
});

test('SQL errors tell where', async () => {
  const reply = await query(server, 'SELECT nam FROM people');
  assert.equal(reply.status, 400);
  assert.equal(reply.code, 'sql');
  assert.equal(reply.position, 8);
  assert.match(reply.detail, /\^/);
  const table = await query(server, 'SELECT * FROM peeple');
  assert.match(table.hint, /people/);
});

test('what a query request must not be', async () => {
  for (const [body, message] of [
    [{}, /sql/],
    [{ sql: 1 }, /sql/],
    [{ sql: 'SELECT 1', parms: [] }, /parms/],
    [{ sql: 'SELECT 1', params: 'x' }, /params/],
    [{ sql: 'SELECT 1', limit: -1 }, /limit/],
    [{ sql: 'SELECT 1', timeout_ms: 0 }, /timeout_ms/],
    [{ sql: 'SELECT 1', timeout_ms: 1e15 }, /timeout_ms/],
  ]) {
    const reply = await fetch(`${server.url}/query/sql`, { method: 'POST', headers: json, body: JSON.stringify(body) });
    assert.equal(reply.status, 400, JSON.stringify(body));
    assert.match((await reply.json()).detail, message);
  }
  const broken = await fetch(`${server.url}/query/sql`, { method: 'POST', headers: json, body: '{"sql": ' });
  assert.equal(broken.status, 400);
  const deep = await fetch(`${server.url}/query/sql`, { method: 'POST', headers: json, body: '{"sql":'.repeat(5000) });
  assert.equal(deep.status, 400);
  const long = await query(server, `SELECT ${'1+'.repeat(60_000)}1`);
  assert.equal(long.status, 413);
  const accept = await fetch(`${server.url}/query/sql`, {
    method: 'POST', headers: { ...json, accept: 'image/png' }, body: JSON.stringify({ sql: 'SELECT 1' }) });
  assert.equal(accept.status, 406);
  assert.match((await accept.json()).hint, /arrow/);
});

test('Accept decides by weight', async () => {
  const reply = await fetch(`${server.url}/query/sql`, {
    method: 'POST',
    headers: { ...json, accept: 'application/json;q=0.5, text/csv;q=0.9, */*;q=0.1' },
    body: JSON.stringify({ sql: 'SELECT 1 AS a' }),
  });
  assert.match(reply.headers.get('content-type'), /^text\/csv/);
  assert.deepEqual((await reply.text()).trim().split(/\r?\n/), ['a', '1']);
});

test('explain shows the plan and runs nothing', async () => {
  const reply = await fetch(`${server.url}/query/explain`, { method: 'POST', headers: json, body: JSON.stringify({ sql: 'SELECT * FROM people' }) });
  assert.equal(reply.status, 200);
  assert.match((await reply.json()).plan, /PARQUET|SCAN/i);
});

test('a client that leaves ends its query, and its worker is free again', async () => {
  const { hostname, port } = new URL(server.url);
  const sql = 'SELECT count(*) FROM range(1000000000) a, range(1000000) b';
  const leave = (ms) =>
    new Promise((resolve) => {
      const outgoing = request({ hostname, port, path: '/query/sql', method: 'POST', headers: json });
      outgoing.on('error', () => {});
      outgoing.on('close', resolve);
      outgoing.end(JSON.stringify({ sql }));
      setTimeout(() => outgoing.destroy(), ms);
    });
  await Promise.all(Array.from({ length: 4 }, () => leave(300))); // twice as many as there are workers
  const started = Date.now();
  assert.deepEqual((await query(server, 'SELECT 42')).rows, [[42]]);
  assert.ok(Date.now() - started < 8000);
});

test('a statement that takes too long is ended and says so', async () => {
  const reply = await query(server, 'SELECT count(*) FROM range(1000000000) a, range(1000000) b', { timeout_ms: 300 });
  assert.equal(reply.status, 408);
  assert.equal(reply.code, 'timeout');
});

test('a reader that stops holds back its query, not the memory of the server', async () => {
  const { hostname, port } = new URL(server.url);
  await new Promise((resolve, reject) => {
    const outgoing = request({ hostname, port, path: '/query/sql', method: 'POST', headers: { ...json, accept: 'text/csv' } }, (reply) => {
      reply.pause();
      setTimeout(async () => {
        try {
          assert.equal((await query(server, 'SELECT 1')).status, 200);
          outgoing.destroy();
          resolve();
        } catch (error) {
          reject(error);
        }
      }, 500);
    });
    outgoing.on('error', () => {});
    outgoing.end(JSON.stringify({ sql: "SELECT repeat('x', 1000) FROM range(10000000)" }));
  });
});

test('objects that are there already become a dataset; what people say about it stays', async () => {
  const parquet = await fetch(`${server.url}/query/sql`, {
    method: 'POST',
    headers: { ...json, accept: 'application/vnd.apache.parquet' },
    body: JSON.stringify({ sql: "SELECT i AS id, 'x' || i AS mail FROM range(10) t(i)" }),
  });
  const stored = await fetch(`${server.url}/storage/objects/mine/a.parquet`, { method: 'PUT', body: await parquet.arrayBuffer() });
  assert.equal(stored.status, 201);
  const send = async (method, route, body) => {
    const reply = await fetch(server.url + route, { method, headers: json, body: body && JSON.stringify(body) });
    return { status: reply.status, ...(await reply.json()) };
  };
  const made = await send('POST', '/catalog/datasets', { name: 'mine', keys: ['mine/a.parquet'], owner: 'me' });
  assert.equal(made.status, 201, made.detail);
  assert.equal(made.row_count, 10);
  assert.equal((await query(server, 'SELECT sum(id) FROM mine')).rows[0][0].toString(), '45');
  assert.equal((await send('POST', '/catalog/datasets', { name: 'mine', keys: ['mine/a.parquet'] })).status, 409);
  assert.equal((await send('POST', '/catalog/datasets', { name: 'm2', keys: ['mine/none.parquet'] })).status, 404);

  const patched = await send('PATCH', '/catalog/datasets/by-name/mine/metadata', {
    description: 'ten rows', tags: ['a', 'b'], sensitivity: 'internal',
    columns: { mail: { description: 'not really', flags: { email: 'dismissed' } } },
  });
  assert.equal(patched.status, 200, patched.detail);
  assert.equal(patched.owner, 'me');
  assert.equal(patched.columns[1].flags[0].dismissed, true);
  const odd = await send('PATCH', '/catalog/datasets/by-name/mine/metadata', { sensitivity: 'secretish' });
  assert.equal(odd.status, 400);
  assert.match(odd.detail, /sensitivity/);
  const typo = await send('PATCH', '/catalog/datasets/by-name/mine/metadata', { descripton: 'x' });
  assert.match(typo.detail + typo.hint, /description/);

  const resynced = await send('POST', '/catalog/datasets/mine/resync');
  assert.equal(resynced.status, 200, resynced.detail);
  assert.equal(resynced.changed, false);
  const missing = await send('POST', '/catalog/resync-missing');
  assert.deepEqual([missing.status, missing.failed], [200, []]);
  const migrated = await send('POST', '/catalog/migrate-buckets');
  assert.equal(migrated.status, 200);
  assert.equal(migrated.changed_files, 0);
  assert.equal((await get('/catalog/datasets/by-name/mine')).description, 'ten rows');
});

test('an idempotency key stands for one request; a replay answers what the first one did', async () => {
  const keyed = (key) => ({ 'idempotency-key': key });
  const send = async (method, route, headers, body) => {
    const reply = await fetch(server.url + route, { method, headers, body });
    return { status: reply.status, ...(await reply.json()) };
  };
  const ingest = (key, name, body) => send('POST', `/ingest/file?name=${name}&file_name=x.csv&mode=append`, keyed(key), body);
  const first = await ingest('once-1', 'keyed', 'q,r\n1,2\n');
  assert.equal(first.status, 201, JSON.stringify(first));
  const replay = await ingest('once-1', 'keyed', 'q,r\n1,2\n');
  assert.equal(replay.replayed, true);
  for (const fact of ['status', 'dataset', 'dataset_id', 'version', 'created', 'deduplicated', 'row_count', 'sha256', 'job_id'])
    assert.equal(replay[fact], first[fact], fact);

  const patch = (key, body) =>
    send('PATCH', '/catalog/datasets/by-name/keyed/metadata', { ...json, ...keyed(key) }, JSON.stringify(body));
  const others = [
    await ingest('once-1', 'keyed', 'q,r\n5,6\n'),
    await ingest('once-1', 'keyed_b', 'q,r\n1,2\n'),
    await patch('once-1', { owner: 'ann' }),
    await send('DELETE', '/catalog/datasets/by-name/keyed', keyed('once-1')),
    await send('POST', '/catalog/datasets/keyed/resync', keyed('once-1')),
  ];
  for (const other of others) {
    assert.equal(other.status, 409, JSON.stringify(other));
    assert.equal(other.code, 'conflict');
    assert.match(other.hint, /new key/);
  }

  const patched = await patch('once-2', { owner: 'ann', tags: ['a'] });
  assert.equal((await patch('once-3', { owner: 'bob' })).owner, 'bob');
  assert.deepEqual(await patch('once-2', { tags: ['a'], owner: 'ann' }), patched);
  assert.equal((await patch('once-2', { owner: 'eve' })).status, 409);
  assert.equal((await get('/catalog/datasets/by-name/keyed')).owner, 'bob');
  assert.deepEqual((await query(server, 'SELECT q, r FROM keyed')).rows, [[1, 2]]);
});
