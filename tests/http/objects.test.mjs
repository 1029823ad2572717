// The storage routes: objects in, out, in part, under conditions, and in constant memory.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { after, before, test } from 'node:test';
import { makeTemporaryFolder, startServer } from './server.mjs';

let server;
before(async () => {
  server = await startServer();
});
after(() => server.stop());

const at = (key) => `${server.url}/storage/objects/${key}`;
const put = (key, body, headers = {}) => fetch(at(key), { method: 'PUT', body, headers });

test('an object comes back as it went in', async () => {
  const bytes = randomBytes(300_000);
  const stored = await put('a/b c/%C3%A9.bin', bytes);
  assert.equal(stored.status, 201);
  const info = await stored.json();
  assert.equal(info.key, 'a/b c/é.bin');
  assert.equal(info.size_bytes, bytes.length);
  assert.equal(stored.headers.get('etag'), `"${info.etag}"`);
  const got = await fetch(at('a/b%20c/%C3%A9.bin'));
  assert.deepEqual(Buffer.from(await got.arrayBuffer()), bytes);
  assert.equal(got.headers.get('etag'), `"${info.etag}"`);
  const head = await fetch(at('a/b%20c/%C3%A9.bin'), { method: 'HEAD' });
  assert.equal(head.headers.get('content-length'), String(bytes.length));
  assert.equal(await head.text(), '');
});

test('ranges', async () => {
  await put('range.txt', '0123456789');
  const part = async (range, headers = {}) => {
    const reply = await fetch(at('range.txt'), { headers: { range, ...headers } });
    return [reply.status, await reply.text(), reply.headers.get('content-range')];
  };
  assert.deepEqual(await part('bytes=2-4'), [206, '234', 'bytes 2-4/10']);
  assert.deepEqual(await part('bytes=7-'), [206, '789', 'bytes 7-9/10']);
  assert.deepEqual(await part('bytes=-2'), [206, '89', 'bytes 8-9/10']);
  assert.deepEqual(await part('bytes=0-1,3-4'), [200, '0123456789', null]);
  const [status, text, range] = await part('bytes=10-');
  assert.equal(status, 416);
  assert.equal(range, 'bytes */10');
  assert.equal(JSON.parse(text).code, 'range');
  const etag = (await fetch(at('range.txt'), { method: 'HEAD' })).headers.get('etag');
  assert.equal((await part('bytes=0-0', { 'if-range': etag }))[0], 206);
  assert.equal((await part('bytes=0-0', { 'if-range': '"other"' }))[0], 200);
});

test('conditions', async () => {
  const first = await put('once', 'one', { 'if-none-match': '*' });
  assert.equal(first.status, 201);
  const etag = first.headers.get('etag');
  const second = await put('once', 'two', { 'if-none-match': '*' });
  assert.equal(second.status, 412);
  assert.equal(await (await fetch(at('once'))).text(), 'one');
  assert.equal((await put('once', 'two', { 'if-match': '"other"' })).status, 412);
  assert.equal((await put('never', 'two', { 'if-match': '*' })).status, 412);
  assert.equal((await fetch(at('once'), { headers: { 'if-none-match': etag } })).status, 304);
  assert.equal((await fetch(at('once'), { headers: { 'if-match': '"other"' } })).status, 412);
  const third = await put('once', 'two', { 'if-match': etag });
  assert.equal(third.status, 201);
  assert.notEqual(third.headers.get('etag'), etag);
});

test('of many that put where nothing is, one succeeds', async () => {
  const replies = await Promise.all(Array.from({ length: 12 }, (_, i) => put('race', `writer ${i}`, { 'if-none-match': '*' })));
  assert.deepEqual(replies.map((r) => r.status).sort(), [201, ...Array(11).fill(412)]);
});

test('listing, page by page', async () => {
  const keys = Array.from({ length: 25 }, (_, i) => `list/${String(i).padStart(3, '0')}`);
  for (const key of keys) await put(key, key);
  const seen = [];
  let token = '';
  let pages = 0;
  do {
    const page = await (await fetch(`${server.url}/storage/objects?prefix=list/&limit=10${token && `&page_token=${token}`}`)).json();
    seen.push(...page.items.map((o) => o.key));
    token = page.next_page_token;
    pages++;
  } while (token);
  assert.deepEqual(seen, keys);
  assert.equal(pages, 3);
  const bad = await fetch(`${server.url}/storage/objects?page_token=nonsense`);
  assert.equal(bad.status, 400);
  assert.match((await bad.json()).detail, /page_token/);
});

test('deleting', async () => {
  await put('gone', 'x');
  assert.equal((await fetch(at('gone'), { method: 'DELETE' })).status, 204);
  assert.equal((await fetch(at('gone'))).status, 404);
  assert.equal((await fetch(at('gone'), { method: 'DELETE' })).status, 404);
});

test('what belongs to the lakehouse is not writable, keys are not readable', async () => {
  for (const method of ['PUT', 'DELETE']) {
    const reply = await fetch(at('_catalog/log/x'), { method, body: method === 'PUT' ? 'x' : undefined });
    assert.equal(reply.status, 403);
  }
  assert.equal((await fetch(at('_access/keys/x.json'))).status, 403);
});

test('a body cut short stores nothing', async () => {
  const { hostname, port } = new URL(server.url);
  await new Promise((resolve) => {
    const outgoing = request({ hostname, port, path: '/storage/objects/cut', method: 'PUT', headers: { 'content-length': 1_000_000 } });
    outgoing.on('error', resolve);
    outgoing.write(Buffer.alloc(400_000), () => outgoing.destroy());
  });
  assert.equal((await fetch(at('cut'))).status, 404);
});

test('a chunked body of any length, in constant memory', async () => {
  const rss = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${server.pid}/status`, 'utf8'))[1]);
  const before = rss();
  const piece = randomBytes(1 << 20);
  const hash = createHash('sha256');
  async function* pieces() {
    for (let i = 0; i < 192; i++) {
      hash.update(piece);
      yield piece;
    }
  }
  const stored = await fetch(at('large'), { method: 'PUT', body: pieces(), duplex: 'half' });
  assert.equal(stored.status, 201);
  const back = createHash('sha256');
  for await (const chunk of (await fetch(at('large'))).body) back.update(chunk);
  assert.equal(back.digest('hex'), hash.digest('hex'));
  assert.ok(rss() - before < 10_000, `${rss() - before} kB more than before`);
});

test('buckets: added, used, removed, refused', async () => {
  const root = makeTemporaryFolder();
  const add = (body) =>
    fetch(`${server.url}/storage/buckets`, { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' } });
  assert.equal((await add({ name: 'side', root })).status, 201);
  assert.equal((await add({ name: 'side', root: makeTemporaryFolder() })).status, 409);
  const odd = await add({ name: 'odd', rooot: root });
  assert.equal(odd.status, 400);
  assert.match((await odd.json()).detail + '', /rooot/);
  const side = `${server.url}/storage/buckets/side/objects`;
  assert.equal((await fetch(`${side}/x`, { method: 'PUT', body: 'side' })).status, 201);
  assert.equal(await (await fetch(`${side}/x`)).text(), 'side');
  assert.equal((await fetch(at('x'))).status, 404);
  assert.deepEqual((await (await fetch(side)).json()).items.map((o) => o.key), ['x']);
  const { items } = await (await fetch(`${server.url}/storage/buckets`)).json();
  assert.deepEqual(items.map((b) => [b.name, b.reachable]), [['primary', true], ['side', true]]);
  assert.equal((await (await fetch(`${server.url}/storage/bucket-health`)).json()).healthy, true);
  assert.equal((await fetch(`${server.url}/storage/buckets/primary`, { method: 'DELETE' })).status, 403);
  assert.equal((await fetch(`${server.url}/storage/buckets/side`, { method: 'DELETE' })).status, 204);
  const read = await fetch(`${side}/x`);
  assert.equal(read.status, 404);
  assert.match((await read.json()).hint, /primary/);
  assert.equal((await fetch(`${side}/x`, { method: 'PUT', body: 'x' })).status, 503);
});
