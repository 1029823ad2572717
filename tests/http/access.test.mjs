// Keys: who may do what, and what wrong keys get.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { makeTemporaryFolder, runLakehouse, startServer } from './server.mjs';

let server;
let admin;
const folder = makeTemporaryFolder();

before(async () => {
  const made = await runLakehouse(['key', 'create', '--role', 'admin', '--name', 'first', '--data', folder, '--json']);
  assert.equal(made.code, 0, made.stderr);
  admin = JSON.parse(made.stdout).key;
  server = await startServer({ dataDir: folder, env: { LAKEHOUSE__AUTH__ENABLED: 'on', LAKEHOUSE__AUTH__FAILURES_PER_MINUTE: '5' } });
});
after(() => server.stop());

const ask = (route, key, { method = 'GET', body, headers = {} } = {}) =>
  fetch(server.url + route, {
    method,
    body: body && JSON.stringify(body),
    headers: { ...(key ? { 'x-api-key': key } : {}), ...(body ? { 'content-type': 'application/json' } : {}), ...headers },
  });

const createKey = async (role, name) => {
  const reply = await ask('/access/keys', admin, { method: 'POST', body: { role, name } });
  assert.equal(reply.status, 201);
  return reply.json();
};

test('public routes need no key, the others do', async () => {
  for (const route of ['/health', '/ready', '/openapi.json', '/']) assert.equal((await ask(route)).status, 200, route);
  for (const route of ['/metrics', '/catalog/datasets', '/storage/objects', '/access/keys']) {
    const reply = await ask(route);
    assert.equal(reply.status, 401, route);
    assert.match(reply.headers.get('www-authenticate'), /Bearer/);
    assert.equal((await reply.json()).code, 'unauthenticated');
  }
});

test('both headers are understood, but not two different keys', async () => {
  assert.equal((await ask('/catalog/datasets', admin)).status, 200);
  assert.equal((await ask('/catalog/datasets', null, { headers: { authorization: `Bearer ${admin}` } })).status, 200);
  assert.equal((await ask('/catalog/datasets', admin, { headers: { authorization: `Bearer ${admin}` } })).status, 200);
  const other = (await createKey('agent', 'other')).key;
  assert.equal((await ask('/catalog/datasets', admin, { headers: { authorization: `Bearer ${other}` } })).status, 400);
});

test('roles: only an admin runs SQL and reads objects', async () => {
  for (const role of ['recruiter', 'analyst', 'agent']) {
    const { key } = await createKey(role, role);
    assert.equal((await ask('/catalog/datasets', key)).status, 200);
    for (const [route, options] of [
      ['/query/sql', { method: 'POST', body: { sql: 'SELECT 1' } }],
      ['/storage/objects'],
      ['/access/keys'],
    ]) {
      const reply = await ask(route, key, options);
      assert.equal(reply.status, 403, `${role} ${route}`);
      assert.match((await reply.json()).detail, new RegExp(`role ${role}`));
    }
  }
  const reply = await ask('/access/keys', admin, { method: 'POST', body: { role: 'king' } });
  assert.equal(reply.status, 400);
  assert.match((await reply.json()).hint, /recruiter/);
});

test('a revoked key is no key; nothing tells it from a wrong one', async () => {
  const { id, key } = await createKey('admin', 'short-lived');
  assert.equal((await ask('/catalog/datasets', key)).status, 200);
  assert.equal((await ask(`/access/keys/${id}`, admin, { method: 'DELETE' })).status, 204);
  const revoked = await (await ask('/catalog/datasets', key)).json();
  assert.equal(revoked.code, 'unauthenticated');
  assert.equal(revoked.detail, 'the API key is not valid');
  const { items } = await (await ask('/access/keys', admin)).json();
  assert.ok(items.find((k) => k.id === id).revoked_at);
});

test('the secret is nowhere in the data folder or the logs', async () => {
  const { key } = await createKey('admin', 'canary');
  const secret = key.slice(16);
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((e) => e.isFile());
  for (const file of files) {
    const text = readFileSync(path.join(file.parentPath ?? file.path, file.name), 'latin1');
    assert.ok(!text.includes(secret), file.name);
  }
  await ask('/catalog/datasets', key);
  assert.ok(!server.logs.includes(secret));
  const listed = await (await ask('/access/keys', admin)).text();
  assert.ok(!listed.includes(secret) && !listed.includes('sha256'));
});

test('many wrong keys from one address have to wait', async () => {
  const statuses = [];
  for (let i = 0; i < 10; i++) statuses.push((await ask('/catalog/datasets', `lh_wrong${i}`)).status);
  assert.equal(statuses[0], 401);
  assert.equal(statuses.at(-1), 429);
  const reply = await ask('/catalog/datasets', admin);
  assert.equal(reply.status, 429);
  assert.ok(Number(reply.headers.get('retry-after')) > 0);
  assert.equal((await ask('/health')).status, 200);
});
