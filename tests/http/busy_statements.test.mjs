// A crowd of heavy statements: what does not fit is told so at once, and every other route goes on being served.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startServer } from './server.mjs';

const HEAVY = 'SELECT count(*) FROM range(100000000) a, range(100000000) b WHERE (a.range * b.range) % 7 = 3';

function heavy(server, timeoutMs) {
  return fetch(`${server.url}/query/sql`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ sql: HEAVY, timeout_ms: timeoutMs }),
  });
}

test('forty heavy statements and a listing', async (t) => {
  const server = await startServer({ t, env: { LAKEHOUSE__QUERY__WORKERS: '1', LAKEHOUSE__QUERY__QUEUE: '24' } });
  let ended = 0;
  const statements = Array.from({ length: 40 }, () => heavy(server, 8000).finally(() => ended++));
  while (ended < 15) await new Promise((resolve) => setTimeout(resolve, 20)); // those beyond one that runs and 24 that wait

  const listing = await fetch(`${server.url}/catalog/datasets`);
  assert.equal(listing.status, 200);
  assert.equal(ended, 15, 'the listing waits for no statement');

  const replies = await Promise.all(statements);
  const refused = replies.filter((reply) => reply.status === 503);
  assert.equal(refused.length, 15);
  const problem = await refused[0].json();
  assert.equal(problem.code, 'busy');
  assert.ok(refused[0].headers.get('retry-after'));
  assert.match(problem.hint, /query\.queue/);
  // The time in the queue counts: the limit of all of them passes at one time, not one after the other.
  const others = replies.filter((reply) => reply.status !== 503);
  for (const reply of others) assert.equal((await reply.json()).code, 'timeout');
});
