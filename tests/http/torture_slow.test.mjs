// Slow clients: 200 that send a head byte by byte, 100 that send a body so, 100 that take an answer so, all at one time.  A healthy
// client is served as if they were not there.
import assert from 'node:assert/strict';
import net from 'node:net';
import test from 'node:test';
import { query, startServer } from '../lib/server.mjs';

const host = 'Host: localhost\r\n';

/** A client from another address of the loopback network, so that the limit of one address does not end the test early. */
function slowClient(url, localAddress, { first, drip = '', everyMs = 250, readMs = 0 }) {
  const { hostname, port } = new URL(url);
  const socket = net.connect({ port: Number(port), host: hostname, localAddress });
  const client = { socket, closed: false, received: 0 };
  socket.on('error', () => {});
  socket.on('close', () => {
    client.closed = true;
    clearInterval(client.timer);
  });
  socket.once('connect', () => {
    socket.write(first);
    if (drip) client.timer = setInterval(() => socket.write(drip), everyMs);
  });
  if (readMs) {
    socket.on('data', (chunk) => {
      client.received += chunk.length;
      socket.pause();
      setTimeout(() => socket.resume(), readMs);
    });
  }
  return client;
}

const percentile = (values, p) => [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * p))];

async function timesOf(count, work) {
  const times = [];
  for (let i = 0; i < count; i++) {
    const start = performance.now();
    await work(i);
    times.push(performance.now() - start);
  }
  return times;
}

test('four hundred slow clients are not noticed by a healthy one', async (t) => {
  const server = await startServer({ t, env: { LAKEHOUSE__SERVER__HEAD_TIMEOUT: '3s' } });
  const put = await fetch(`${server.url}/storage/objects/large.bin`, { method: 'PUT', body: Buffer.alloc(16 << 20, 'x') });
  assert.ok(put.ok, `PUT answers ${put.status}`);
  const sql = JSON.stringify({ sql: 'SELECT 1' });
  const head = { first: `GET /health HTTP/1.1\r\n${host}`, drip: 'X' };
  const json = { first: `POST /query/sql HTTP/1.1\r\n${host}Content-Type: application/json\r\nContent-Length: ${sql.length}\r\n\r\n`, drip: ' ' };
  const upload = { first: `POST /ingest/file?name=slow HTTP/1.1\r\n${host}Content-Type: text/csv\r\nContent-Length: 100000\r\n\r\n`, drip: 'a' };
  const reader = { first: `GET /storage/objects/large.bin HTTP/1.1\r\n${host}\r\n`, readMs: 1000 };
  const clients = [
    ...Array.from({ length: 200 }, () => slowClient(server.url, '127.0.0.2', head)),
    ...Array.from({ length: 50 }, () => slowClient(server.url, '127.0.0.3', json)),
    ...Array.from({ length: 50 }, () => slowClient(server.url, '127.0.0.3', upload)),
    ...Array.from({ length: 100 }, () => slowClient(server.url, '127.0.0.3', reader)),
  ];
  t.after(() => clients.forEach((client) => client.socket.destroy()));
  await new Promise((resolve) => setTimeout(resolve, 500));

  const health = await timesOf(200, async () => assert.equal((await fetch(`${server.url}/health`)).status, 200));
  const queries = await timesOf(200, async (i) => {
    const answer = await query(server, `SELECT ${i} AS n`);
    assert.deepEqual(answer.rows, [[i]], JSON.stringify(answer));
  });
  const open = clients.filter((client) => !client.closed).length;
  t.diagnostic(`p99 of GET /health ${percentile(health, 0.99).toFixed(1)} ms, of POST /query/sql ${percentile(queries, 0.99).toFixed(1)} ms; ${open} slow clients left`);
  assert.ok(percentile(health, 0.99) < 2000 && percentile(queries, 0.99) < 2000, 'the healthy client waits');

  await new Promise((resolve) => setTimeout(resolve, 5000));
  const heads = clients.slice(0, 200);
  assert.ok(heads.every((client) => client.closed), `${heads.filter((client) => !client.closed).length} heads still drip after the head's time`);
});

test('a body slower than the floor is given up', async (t) => {
  const server = await startServer({ t });
  const client = slowClient(server.url, '127.0.0.2', {
    first: `POST /query/sql HTTP/1.1\r\n${host}Content-Type: application/json\r\nContent-Length: 100000\r\n\r\n`,
    drip: ' ',
  });
  for (let i = 0; i < 200 && !client.closed; i++) await new Promise((resolve) => setTimeout(resolve, 100));
  assert.ok(client.closed, 'it still drips after 20 s');
});
