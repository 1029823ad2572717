// Long work over HTTP: an empty list, filters, and jobs that are not there.
import assert from 'node:assert/strict';
import test from 'node:test';
import { runLakehouse, startServer } from '../lib/server.mjs';

test('a server without jobs says so', async (t) => {
  const server = await startServer({ t });
  const list = await (await fetch(`${server.url}/jobs`)).json();
  assert.deepEqual(list, { items: [], next_page_token: null });
  const cli = await runLakehouse(['jobs', '--json', '--server', server.url]);
  assert.equal(cli.code, 0, cli.stderr);
  assert.deepEqual(JSON.parse(cli.stdout), list);
});

test('a job that is not there, a state that is none', async (t) => {
  const server = await startServer({ t });
  for (const method of ['GET', 'DELETE']) {
    const reply = await fetch(`${server.url}/jobs/01KAHV00000000000000000000`, { method });
    assert.equal(reply.status, 404);
    const problem = await reply.json();
    assert.equal(problem.code, 'not_found');
    assert.match(problem.hint, /GET \/jobs/);
  }
  const odd = await fetch(`${server.url}/jobs?state=asleep`);
  assert.equal(odd.status, 400);
  assert.match((await odd.json()).hint, /waiting/);
  const cancel = await runLakehouse(['jobs', '--cancel', '--server', server.url]);
  assert.equal(cancel.code, 2);
});
