// Files made to hurt: each ends in a clear refusal, and the server goes on as if nothing had been.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { gzipSync } from 'node:zlib';
import { startServer } from './server.mjs';

async function upload(server, name, bytes) {
  const response = await fetch(`${server.url}/ingest/file?file_name=${name}`, {
    method: 'POST',
    headers: { 'content-type': 'application/octet-stream' },
    body: bytes,
  });
  return { status: response.status, body: await response.json() };
}

/** Resident memory of the server process itself, in bytes. */
function residentBytes(pid) {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) * 1024;
}

const bombs = [
  ['brackets.json', () => '['.repeat(50_000), 422, /nested deeper than 64 levels at line 1/],
  ['brackets.ndjson', () => `${'['.repeat(50_000)}\n`, 422, /none of the file's 1 records/],
  ['objects.json', () => '{"a":'.repeat(50_000), 422, /nested deeper/],
  ['columns.csv', () => `${Array.from({ length: 100_000 }, (_, i) => `c${i}`).join(',')}\n`, 422, /more than 1500 columns/],
  ['members.json', () => JSON.stringify(Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`k${i}`, i]))), 422, /more than 1500 different members/],
  ['line.csv', () => `a,b\n1,${'x'.repeat(100_000_000)}\n`, 422, /line 2 is longer than/],
  ['line.txt', () => 'x'.repeat(40_000_000), 422, /line 1 is longer than/],
  ['zeros.csv.gz', () => gzipSync(Buffer.alloc(256 << 20)), 413, /unpacks to more than 200 times/],
  ['bomb.json.gz', () => gzipSync('['.repeat(64 << 20)), 413, /unpacks to more than/],
  ['quotes.csv', () => 'a,b\n' + '"x""y\n'.repeat(200_000), 422, /./],
  ['random.parquet', () => Buffer.concat([Buffer.from('PAR1'), Buffer.alloc(1000, 0xa5), Buffer.from([0xf0, 0xff, 0xff, 0x7f]), Buffer.from('PAR1')]), 422, /footer claims/],
];

test('hostile files are refused and the server is unharmed', async (t) => {
  const server = await startServer({ t });
  assert.equal((await upload(server, 'before.csv', 'a,b\n1,2\n')).status, 201);
  const before = residentBytes(server.pid);
  for (const [name, make, status, words] of bombs) {
    const answer = await upload(server, name, make());
    assert.equal(answer.status, status, `${name}: ${JSON.stringify(answer.body)}`);
    assert.match(answer.body.detail, words, name);
  }
  assert.equal((await fetch(`${server.url}/health`)).status, 200);
  assert.equal((await upload(server, 'after.csv', 'a,b\n3,4\n')).status, 201);
  const grown = residentBytes(server.pid) - before;
  assert.ok(grown < 32 << 20, `the server grew by ${grown} bytes`);
});
