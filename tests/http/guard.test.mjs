// What must never reach a handler: forms of a request that two readers may understand differently, over raw sockets.
import assert from 'node:assert/strict';
import net from 'node:net';
import { after, before, test } from 'node:test';
import { startServer } from './server.mjs';

let server;
before(async () => {
  server = await startServer();
});
after(() => server.stop());

/** Sends the bytes, and gives all that came back until the server hung up (or 8 s of silence). */
export function rawExchange(url, bytes) {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = net.connect(Number(port), hostname, () => socket.write(bytes));
    const chunks = [];
    socket.setTimeout(8000, () => socket.destroy());
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.on('error', (error) => (error.code === 'ECONNRESET' || error.code === 'EPIPE' ? undefined : reject(error)));
    socket.on('close', () => resolve(Buffer.concat(chunks).toString('latin1')));
  });
}

const host = 'Host: localhost\r\n';
const sql = JSON.stringify({ sql: 'SELECT 1' });

const refused = {
  'Content-Length and Transfer-Encoding': `POST /query/sql HTTP/1.1\r\n${host}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  'two different lengths': `POST /query/sql HTTP/1.1\r\n${host}Content-Length: 4\r\nContent-Length: 40\r\n\r\nabcd`,
  'the same length twice': `POST /query/sql HTTP/1.1\r\n${host}Content-Length: 4\r\nContent-Length: 4\r\n\r\nabcd`,
  'a list of lengths': `POST /query/sql HTTP/1.1\r\n${host}Content-Length: 4, 4\r\n\r\nabcd`,
  'a signed length': `POST /query/sql HTTP/1.1\r\n${host}Content-Length: +4\r\n\r\nabcd`,
  'a hexadecimal length': `POST /query/sql HTTP/1.1\r\n${host}Content-Length: 0x4\r\n\r\nabcd`,
  'an encoding that is not chunked': `POST /query/sql HTTP/1.1\r\n${host}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`,
  'chunked twice': `POST /query/sql HTTP/1.1\r\n${host}Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n`,
  'two encodings': `POST /query/sql HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n`,
  'chunks in HTTP/1.0': `POST /query/sql HTTP/1.0\r\n${host}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  'two hosts': `GET /health HTTP/1.1\r\n${host}Host: other\r\n\r\n`,
  'a host with a path': 'GET /health HTTP/1.1\r\nHost: localhost/x\r\n\r\n',
  'a host with a user': 'GET /health HTTP/1.1\r\nHost: me@localhost\r\n\r\n',
  'a foreign method': `TRACE /health HTTP/1.1\r\n${host}\r\n`,
  'CONNECT': `CONNECT localhost:80 HTTP/1.1\r\n${host}\r\n`,
  'a foreign expectation': `POST /query/sql HTTP/1.1\r\n${host}Expect: 200-ok\r\nContent-Length: 0\r\n\r\n`,
  'a control character in a value': `GET /health HTTP/1.1\r\n${host}X-A: a\x01b\r\n\r\n`,
  'a space in a name': `GET /health HTTP/1.1\r\n${host}X A: b\r\n\r\n`,
  'a space before the colon': `POST /query/sql HTTP/1.1\r\n${host}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n`,
  'an encoded NUL': `GET /health%00 HTTP/1.1\r\n${host}\r\n`,
  'an encoded line end': `GET /storage/objects/a%0d%0ab HTTP/1.1\r\n${host}\r\n`,
  'dots': `GET /storage/objects/../../etc/passwd HTTP/1.1\r\n${host}\r\n`,
  'encoded dots': `GET /storage/objects/%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\n${host}\r\n`,
  'dots behind an encoded slash': `GET /storage/objects/a%2f..%2fb HTTP/1.1\r\n${host}\r\n`,
  'an empty segment': `GET /storage//objects HTTP/1.1\r\n${host}\r\n`,
  'half an escape': `GET /storage/objects/a%4 HTTP/1.1\r\n${host}\r\n`,
  'bytes that are not UTF-8': `GET /storage/objects/%ff HTTP/1.1\r\n${host}\r\n`,
  'the absolute form': `GET http://localhost/health HTTP/1.1\r\n${host}\r\n`,
  'a parameter twice': `GET /storage/objects?prefix=a&prefix=b HTTP/1.1\r\n${host}\r\n`,
};

for (const [name, bytes] of Object.entries(refused)) {
  test(`refuses ${name} and hangs up`, async () => {
    // The second request would be answered if anything of the first one were taken for its end.
    const reply = await rawExchange(server.url, bytes + `GET /metrics HTTP/1.1\r\n${host}\r\n`);
    assert.match(reply, /^HTTP\/1\.1 400 /, reply);
    const statuses = [...reply.matchAll(/HTTP\/1\.1 (\d+)/g)].map((m) => m[1]);
    assert.ok(statuses.every((status) => status === '400'), `the second request was answered:\n${reply}`);
  });
}

test('a refusal is problem+json that says what was wrong', async () => {
  const reply = await rawExchange(server.url, `GET /storage/objects/%2e%2e/x HTTP/1.1\r\n${host}\r\n`);
  assert.match(reply, /Content-Type: application\/problem\+json\r\n/);
  const problem = JSON.parse(reply.slice(reply.indexOf('\r\n\r\n') + 4));
  assert.equal(problem.code, 'invalid');
  assert.equal(problem.status, 400);
  assert.match(problem.detail, /path segment at byte 18/);
  assert.equal(problem.position, 18);
  assert.ok(problem.hint.length > 0);
  assert.match(reply, new RegExp(`X-Request-Id: ${problem.request_id}\r\n`));
});

test('names that a browser may be tricked into are refused without keys', async () => {
  const rebound = await rawExchange(server.url, 'GET /catalog/datasets HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n');
  assert.match(rebound, /^HTTP\/1\.1 403 /);
  const body = `POST /query/sql HTTP/1.1\r\n${host}Origin: https://evil.example\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: ${sql.length}\r\n\r\n${sql}`;
  assert.match(await rawExchange(server.url, body), /^HTTP\/1\.1 403 /);
  const form = await fetch(`${server.url}/query/sql`, { method: 'POST', body: sql, headers: { 'content-type': 'text/plain' } });
  assert.equal(form.status, 415);
});

test('pipelined requests are answered in order', async () => {
  const one = `GET /health HTTP/1.1\r\n${host}X-Request-Id: `;
  const bytes = Array.from({ length: 50 }, (_, i) => `${one}n${i}${i === 49 ? '\r\nConnection: close' : ''}\r\n\r\n`).join('');
  const reply = await rawExchange(server.url, bytes);
  assert.deepEqual([...reply.matchAll(/X-Request-Id: (n\d+)\r\n/g)].map((m) => m[1]), Array.from({ length: 50 }, (_, i) => `n${i}`));
});

test('the limits of a head', async () => {
  const long = await rawExchange(server.url, `GET /health HTTP/1.1\r\n${host}X-A: ${'a'.repeat(200_000)}\r\n\r\n`);
  assert.match(long, /^HTTP\/1\.1 (400|431) /);
  const many = await rawExchange(server.url, `GET /health HTTP/1.1\r\n${host}${Array.from({ length: 200 }, (_, i) => `X-${i}: 1\r\n`).join('')}\r\n`);
  assert.match(many, /^HTTP\/1\.1 400 /);
  assert.equal((await fetch(`${server.url}/health`)).status, 200);
});
