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
