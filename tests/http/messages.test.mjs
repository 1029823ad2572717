// What a refusal says: the path that was refused, the fields there are, and nothing of where the server keeps its files.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { test } from 'node:test';
import { query, runLakehouse, startServer } from './server.mjs';

function rawGet(server, target) {
  const { hostname, port } = new URL(server.url);
  return new Promise((resolve, reject) => {
    const socket = net.connect(Number(port), hostname, () => socket.write(`GET ${target} HTTP/1.1\r\nHost: ${hostname}:${port}\r\nConnection: close\r\n\r\n`));
    let text = '';
    socket.on('data', (piece) => (text += piece));
    socket.on('end', () => resolve(JSON.parse(text.slice(text.indexOf('\r\n\r\n') + 4))));
    socket.on('error', reject);
  });
}

test('refusals', async (t) => {
  const server = await startServer({ t });

  const dots = await rawGet(server, '/storage/objects/a/../b');
  assert.equal(dots.instance, '/storage/objects/a/../b');
  assert.match(dots.hint, /dot-segment/);

  const unknown = await query(server, 'SELECT 1', { colour: 'red' });
  assert.equal(unknown.status, 400);
  assert.match(unknown.hint, /sql, params, limit, timeout_ms, as_of/);
  assert.match((await query(server, 'SELECT 1', { limit: -1 })).hint, /leave limit out/);
  assert.match((await query(server, 'SELECT \u0000')).detail, /without NUL characters, not one with NUL in it/);

  // A dataset whose file was damaged behind the server's back.
  const made = await fetch(`${server.url}/ingest/file?name=people&file_name=people.csv`, { method: 'POST', body: 'id\n1\n' });
  assert.equal(made.status, 201);
  const listed = await (await fetch(`${server.url}/storage/objects?prefix=datasets/people/`)).json();
  const key = listed.items[0].key;
  writeFileSync(path.join(server.dataDir, 'objects', key), 'no Parquet at all, but long enough to be looked at');
  const damaged = await query(server, 'SELECT * FROM people');
  assert.ok(damaged.status >= 400);
  assert.ok(!JSON.stringify(damaged).includes(server.dataDir), JSON.stringify(damaged));
  assert.ok(damaged.detail.includes(key.slice(key.indexOf('people/'))), damaged.detail);

  const deep = await query(server, `SELECT ${Array(3000).fill('1').join(' + ')}`);
  assert.equal(deep.status, 400);
  assert.doesNotMatch(deep.detail, /SET /);
});

test('the command line names a file once', async (t) => {
  const server = await startServer({ t });
  const file = path.join(server.dataDir, 'tmp', 'bin.csv');
  writeFileSync(file, Buffer.from([0, 1, 2, 3, 0, 255, 254, 0, 7, 0, 0, 0]));
  const run = await runLakehouse(['ingest', file, '--server', server.url]);
  assert.notEqual(run.code, 0);
  assert.equal(run.stderr.split('bin.csv:').length - 1, 1, run.stderr);
});

test('query parameters that a route does not know', async (t) => {
  const server = await startServer({ t });
  const get = async (target, options) => {
    const response = await fetch(server.url + target, options);
    return { status: response.status, ...(await response.json()) };
  };
  const near = await get('/storage/objects?prefx=a/');
  assert.deepEqual([near.status, near.code], [400, 'invalid']);
  assert.match(near.detail, /GET \/storage\/objects has no query parameter "prefx"/);
  assert.match(near.hint, /did you mean prefix\? There are: prefix, limit, page_token/);
  const far = await get('/catalog/datasets?colour=red&limit=1');
  assert.match(far.hint, /^there are: limit, page_token$/);
  assert.match((await get('/ready?verbose')).hint, /takes none/);
  const upload = await get('/ingest/file?nmae=people&file_name=p.csv', { method: 'POST', body: 'id\n1\n' });
  assert.equal(upload.status, 400);
  assert.match(upload.hint, /did you mean name\?/);
  assert.equal((await get('/catalog/datasets?limit=1')).status, 200);
  const every = 'name=p&mode=create&file_name=p.csv&source_system=cli&format=csv&delimiter=;&quote=none&header=true&encoding=utf-8&bucket=primary';
  const taken = await get(`/ingest/file?${every}`, { method: 'POST', body: 'id;b\n1;2\n' });
  assert.equal(taken.status, 201, JSON.stringify(taken));
});

test('conditions, ranges and missing objects say what to do', async (t) => {
  const server = await startServer({ t });
  const at = `${server.url}/storage/objects/notes/one.txt`;
  const ask = async (url, options) => {
    const response = await fetch(url, options);
    return { status: response.status, ...(await response.json()) };
  };
  const write = (headers) => ask(at, { method: 'PUT', body: 'ten bytes.', headers });
  const expect = (answer, status, hint) => {
    assert.equal(answer.status, status);
    assert.match(answer.hint ?? '', hint);
  };
  expect(await ask(at), 404, /GET \/storage\/objects\?prefix=notes\/ lists/);
  expect(await ask(`${server.url}/storage/buckets/primary/objects/one.txt`), 404, /GET \/storage\/buckets\/primary\/objects lists/);
  expect(await ask(at, { method: 'DELETE' }), 404, /lists those that there are/);
  expect(await write({ 'if-match': '"x"' }), 412, /leave If-Match out/);
  expect(await write({}), 201, /^$/);
  expect(await write({ 'if-none-match': '*' }), 412, /choose another key/);
  expect(await write({ 'if-match': '"x"' }), 412, /read it again/);
  expect(await ask(at, { headers: { 'if-match': '"x"' } }), 412, /read it again/);
  expect(await ask(at, { headers: { range: 'bytes=10-' } }), 416, /bytes 0 to 9/);
});
