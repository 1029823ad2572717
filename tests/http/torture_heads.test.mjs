// HTTP torture over raw sockets: whatever comes, a safe answer or a closed connection; no byte of a request is ever taken for
// another request; and the server is well afterwards.  Each case is followed, on the same connection, by a request for
// /metrics, which a smuggled reading of the case's bytes would answer.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { converse } from '../lib/raw_http.mjs';
import { query, startServer } from '../lib/server.mjs';

let server;
before(async () => {
  server = await startServer({ env: { LAKEHOUSE__SERVER__HEAD_TIMEOUT: '1s' } });
});
after(async () => {
  const answer = await query(server, 'SELECT 40 + 2 AS n');
  assert.deepEqual(answer.rows, [[42]], 'the server is not well');
  await server.stop();
});

const host = 'Host: localhost\r\n';
const follower = `GET /metrics HTTP/1.1\r\n${host}\r\n`;
const get = (headers) => `GET /health HTTP/1.1\r\n${headers}\r\n`;
const post = (headers, body = '') => `POST /query/sql HTTP/1.1\r\n${host}Content-Type: application/json\r\n${headers}\r\n${body}`;
const chunked = (body) => post('Transfer-Encoding: chunked\r\n', body);
const sql = '{"sql":"SELECT 1"}';
const hidden = follower; // as the content of a body
const size = (text) => text.length.toString(16);

/** Refused or cut off: no answer but these statuses, nothing answered after, and the connection is over. */
const refused = {
  // Where the body ends: two readers, two opinions.
  'Content-Length before chunked': [post(`Content-Length: ${hidden.length}\r\nTransfer-Encoding: chunked\r\n`, `0\r\n\r\n${hidden}`), 400],
  'chunked before Content-Length': [post(`Transfer-Encoding: chunked\r\nContent-Length: 5\r\n`, `0\r\n\r\n${hidden}`), 400],
  'twin Content-Length': [post(`Content-Length: 0\r\nContent-Length: ${hidden.length}\r\n`, hidden), 400],
  'twin Content-Length, the same': [post('Content-Length: 0\r\nContent-Length: 0\r\n'), 400],
  'Content-Length 0, 5': [post('Content-Length: 0, 5\r\n', 'abcde'), 400],
  'Content-Length -1': [post('Content-Length: -1\r\n'), 400],
  'Content-Length 0x10': [post('Content-Length: 0x10\r\n', hidden), 400],
  'Content-Length 2^63-1': [post('Content-Length: 9223372036854775807\r\n', 'abc'), 400],
  'Content-Length 2^64': [post('Content-Length: 18446744073709551616\r\n', 'abc'), 400, 413],
  'Content-Length beyond the route': [post('Content-Length: 9223372036854775806\r\n', 'abc'), 413],
  'Transfer-Encoding with a space before the colon': [post('Transfer-Encoding : chunked\r\n', `0\r\n\r\n${hidden}`), 400],
  'Transfer-Encoding xchunked': [post('Transfer-Encoding: xchunked\r\n', `0\r\n\r\n${hidden}`), 400],
  'Transfer-Encoding identity': [post('Transfer-Encoding: identity\r\n', hidden), 400],
  'Transfer-Encoding gzip, chunked': [post('Transfer-Encoding: gzip, chunked\r\n', '0\r\n\r\n'), 400],
  'Transfer-Encoding with a vertical tab': [post('Transfer-Encoding: \x0bchunked\r\n', '0\r\n\r\n'), 400],
  'Transfer-Encoding on HTTP/1.0': [chunked('0\r\n\r\n').replace('HTTP/1.1', 'HTTP/1.0'), 400],
  // Where a line ends.
  'bare LF everywhere': ['GET /health HTTP/1.1\nHost: localhost\n\n', 400],
  'bare LF after the request line': [`GET /health HTTP/1.1\n${host}\r\n`, 400],
  'bare LF inside a value': [get(`${host}X-A: b\nTransfer-Encoding: chunked\r\n`), 400],
  'bare LF after the last header': ['GET /health HTTP/1.1\r\nHost: localhost\n\r\n', 400],
  'bare LF as the empty line': [`GET /health HTTP/1.1\r\n${host}\n`, 400],
  'bare CR inside a value': [get(`${host}X-A: b\rX-B: c\r\n`), 400],
  'folded by a space': [get(`${host}X-A: b\r\n c\r\n`), 400],
  'folded by a tab': [get(`${host}X-A: b\r\n\tc\r\nX-B: d\r\n`), 400],
  'Transfer-Encoding folded': [post('Transfer-Encoding:\r\n chunked\r\n', `0\r\n\r\n${hidden}`), 400],
  'Host folded': ['GET /health HTTP/1.1\r\nHost:\r\n localhost\r\n\r\n', 400],
  'folded before the first header': [get(` X-A: b\r\n${host}`), 400],
  'NUL in a value': [get(`${host}X-A: b\0c\r\n`), 400],
  'NUL in a name': [get(`${host}X\0A: b\r\n`), 400],
  'NUL in the target': [`GET /health\0/x HTTP/1.1\r\n${host}\r\n`, 400],
  'NUL in Host': ['GET /health HTTP/1.1\r\nHost: localhost\0.evil\r\n\r\n', 400],
  'a header without a name': [get(`${host}: x\r\n`), 400],
  'a line without a colon': [get(`${host}nothing\r\n`), 400],
  // The request line.
  'two spaces': [`GET  /health HTTP/1.1\r\n${host}\r\n`, 400],
  'tabs for spaces': [`GET\t/health\tHTTP/1.1\r\n${host}\r\n`, 400],
  'HTTP/9.9': [`GET /health HTTP/9.9\r\n${host}\r\n`, 505],
  'HTTP/1.2': [`GET /health HTTP/1.2\r\n${host}\r\n`, 400, 505],
  'HTTP/0.9': ['GET /health\r\n\r\n', 400],
  'HTTP/2 by prior knowledge': ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400, 505],
  'a method in lower case': [`get /health HTTP/1.1\r\n${host}\r\n`, 400],
  'a method nobody knows': [`PURGE /health HTTP/1.1\r\n${host}\r\n`, 400],
  'a method of 10,000 letters': [`${'A'.repeat(10_000)} /health HTTP/1.1\r\n${host}\r\n`, 400],
  'TRACE': [`TRACE /health HTTP/1.1\r\n${host}\r\n`, 400],
  'the asterisk form': [`OPTIONS * HTTP/1.1\r\n${host}\r\n`, 400],
  'the absolute form': [`GET http://127.0.0.1/health HTTP/1.1\r\n${host}\r\n`, 400],
  'the absolute form of another host': [`GET http://evil.example/health HTTP/1.1\r\n${host}\r\n`, 400],
  'the authority form': [`CONNECT localhost:443 HTTP/1.1\r\n${host}\r\n`, 400],
  // Who is meant.
  'two hosts': [get(`${host}Host: evil.example\r\n`), 400],
  'no host': [get(''), 400],
  // Where the target leads.
  'dots': [`GET /storage/objects/../../etc/passwd HTTP/1.1\r\n${host}\r\n`, 400],
  'encoded dots': [`GET /storage/objects/%2e%2e/%2E%2e/etc/passwd HTTP/1.1\r\n${host}\r\n`, 400],
  'dots behind an encoded slash': [`GET /storage/objects/a%2f..%2f..%2fb HTTP/1.1\r\n${host}\r\n`, 400],
  '%00': [`GET /storage/objects/a%00.csv HTTP/1.1\r\n${host}\r\n`, 400],
  'an overlong UTF-8 dot': [`GET /storage/objects/%c0%ae%c0%ae/x HTTP/1.1\r\n${host}\r\n`, 400],
  // Too much.
  'a target of 200 kB': [`GET /${'a'.repeat(200_000)} HTTP/1.1\r\n${host}\r\n`, 414],
  'a header of 64 kB': [get(`${host}X-A: ${'a'.repeat(65_536)}\r\n`), 400, 431],
  'headers of 1 MB': [get(`${host}${`X-A: ${'a'.repeat(1000)}\r\n`.repeat(1000)}`), 400, 431],
  '5,000 headers': [get(`${host}${'X: 1\r\n'.repeat(5000)}`), 400, 431],
  // Chunks.
  'a chunk size of 2^64': [chunked(`10000000000000000\r\n${sql}\r\n0\r\n\r\n`), 400, 413],
  'a negative chunk size': [chunked(`-1\r\n${sql}\r\n0\r\n\r\n`), 400],
  'a chunk size that is no number': [chunked(`zz\r\n${sql}\r\n0\r\n\r\n`), 400],
  'a chunk size with 0x': [chunked(`0x12\r\n${sql}\r\n0\r\n\r\n`), 400],
  'no line end after a chunk': [chunked(`${size(sql)}\r\n${sql}xx0\r\n\r\n`), 400],
  'a chunk extension of 2 MB': [chunked(`5;${'a'.repeat(2_000_000)}\r\nabcde\r\n0\r\n\r\n`), 400, 413, 431, 500],
  // Other protocols.
  'TLS': ['\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03' + '\x5a\r\n'.repeat(300), 400],
  'junk without an end': ['\xff\xfe\x00'.repeat(100_000), 400, 414, 431],
  'SSH': ['SSH-2.0-OpenSSH_9.2\r\n', 400],
  // Expect.
  'Expect: 200-ok': [post('Expect: 200-ok\r\nContent-Length: 2\r\n', '{}'), 400, 417],
};

for (const [name, [bytes, ...lawful]] of Object.entries(refused)) {
  test(`refuses: ${name}`, async () => {
    const reply = await converse(server.url, Buffer.from(bytes + follower, 'latin1'), { silenceMs: 4000 });
    assert.ok(reply.closed, `the connection stays open:\n${reply.text}`);
    for (const status of reply.statuses) assert.ok(lawful.includes(status), `answered ${reply.statuses}:\n${reply.text}`);
    assert.doesNotMatch(reply.text, /lakehouse_http_requests_total/);
  });
}

/** A chunked request ends its connection: what follows in it is never answered, however its framing is read. */
const lastOfItsConnection = {
  'chunks': [`${size(sql)}\r\n${sql}\r\n0\r\n\r\n`, 200],
  'chunks of one byte': [[...sql].map((c) => `1\r\n${c}\r\n`).join('') + '0\r\n\r\n', 200],
  'LF for the line ends of chunks': [`${size(sql)}\n${sql}\n0\n\n`, 200, 400],
  'LF after the size of a chunk': [`${size(sql)}\n${sql}\r\n0\r\n\r\n`, 200, 400],
  'a chunk extension of 60 kB': [`${size(sql)};${'a'.repeat(60_000)}\r\n${sql}\r\n0\r\n\r\n`, 200, 400, 413, 500],
  'a trailer that names a length': [`${size(sql)}\r\n${sql}\r\n0\r\nContent-Length: 400\r\nHost: evil\r\n\r\n`, 200, 400],
  'a body that is not JSON': ['3\r\nabc\r\n0\r\n\r\n', 400],
};

for (const [name, [body, ...lawful]] of Object.entries(lastOfItsConnection)) {
  test(`ends the connection after: ${name}`, async () => {
    const reply = await converse(server.url, chunked(body) + follower, { silenceMs: 4000 });
    assert.ok(reply.closed, reply.text);
    assert.equal(reply.statuses.length, 1, reply.text);
    assert.ok(lawful.includes(reply.statuses[0]), reply.text);
  });
}

test('a chunk of 2^63-1 bytes swallows what follows, and is given up', async () => {
  const reply = await converse(server.url, chunked(`7fffffffffffffff\r\n${sql}`) + follower, { silenceMs: 500, end: true });
  assert.ok(reply.statuses.every((status) => status >= 400), reply.text);
});

test('lawful oddities are understood', async () => {
  const cases = {
    'empty lines before the request': `\r\n\r\n${get(host)}`,
    'blanks after a value': get(`${host}X-A: b \t \r\n`),
    'no blank, a tab, two blanks before a value': get('Host:localhost\r\nX-A:\tb\r\nX-B:  c\r\n'),
    'empty values': get(`${host}X-A:\r\nX-B: \r\n`),
    'cookies and a query': `GET /storage/objects?prefix=a%20b&limit=5 HTTP/1.1\r\n${host}Cookie: a=b; c="d e"\r\n\r\n`,
    'HTTP/1.0 without a host': 'GET /health HTTP/1.0\r\n\r\n',
    'bytes above ASCII in a value': get(`${host}X-A: \xc3\xa9\r\n`),
  };
  for (const [name, bytes] of Object.entries(cases)) {
    const reply = await converse(server.url, Buffer.from(bytes, 'latin1'), { silenceMs: 300 });
    assert.deepEqual(reply.statuses, [200], `${name}:\n${reply.text}`);
  }
});

test('Expect: 100-continue is answered before the body comes', async () => {
  const head = post(`Expect: 100-continue\r\nContent-Length: ${sql.length}\r\nConnection: close\r\n`);
  const reply = await converse(server.url, [head, sql], { pauseMs: 200 });
  assert.deepEqual(reply.statuses, [100, 200], reply.text);
  const large = await converse(server.url, post('Expect: 100-continue\r\nContent-Length: 99999999999\r\n'));
  assert.deepEqual(large.statuses, [413], 'a body too large is refused before it is sent');
});

test('a head that comes byte by byte is read; one that never ends is cut off', async () => {
  const slow = await converse(server.url, [...get(`${host}Connection: close\r\n`)], { pauseMs: 2 });
  assert.deepEqual(slow.statuses, [200]);
  const never = await converse(server.url, ['GET /health HTTP/1.1\r\n', ...Array(40).fill('X: y\r\n')], { pauseMs: 100, silenceMs: 6000 });
  assert.ok(never.closed);
  assert.deepEqual(never.statuses, []);
});

test('fifty pipelined requests are answered in order, also behind one that fails', async () => {
  const one = (i, path) => `GET ${path} HTTP/1.1\r\n${host}X-Request-Id: n${i}\r\n\r\n`;
  const bytes = Array.from({ length: 50 }, (_, i) => one(i, i === 7 ? '/nothing' : '/health')).join('');
  const reply = await converse(server.url, bytes, { silenceMs: 1000 });
  assert.deepEqual([...reply.text.matchAll(/X-Request-Id: n(\d+)\r\n/g)].map((m) => Number(m[1])), Array.from({ length: 50 }, (_, i) => i));
  assert.deepEqual(reply.statuses, Array.from({ length: 50 }, (_, i) => (i === 7 ? 404 : 200)));
});

test('half a connection: the answer or a close, and nothing else', async () => {
  const whole = await converse(server.url, post(`Content-Length: ${sql.length}\r\n`, sql), { end: true, silenceMs: 4000 });
  assert.ok(whole.closed, whole.text);
  assert.ok(whole.statuses.length <= 1 && whole.statuses.every((status) => status === 200), whole.text);
  const half = await converse(server.url, post('Content-Length: 500\r\n', sql), { end: true, silenceMs: 4000 });
  assert.ok(half.closed, half.text);
  assert.ok(half.statuses.every((status) => status >= 400), half.text);
  const head = await converse(server.url, 'GET /health HTTP/1.1\r\nHost: loc', { end: true, silenceMs: 4000 });
  assert.ok(head.closed, head.text);
});
