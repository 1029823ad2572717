// Keys from the command line, on a folder and on a server that demands them.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { makeTemporaryFolder, runLakehouse, startServer } from '../lib/server.mjs';

let server;
let admin;
const folder = makeTemporaryFolder();

before(async () => {
  const made = await runLakehouse(['key', 'create', '--role', 'admin', '--name', 'ops', '--data', folder]);
  assert.equal(made.code, 0, made.stderr);
  assert.match(made.stdout, /^lh_\S+\n$/, 'the key alone on stdout');
  assert.match(made.stderr, /only time the key is shown/);
  admin = made.stdout.trim();
  server = await startServer({ dataDir: folder, env: { LAKEHOUSE__AUTH__ENABLED: 'on' } });
});
after(() => server.stop());

const withKey = (key, ...args) => runLakehouse([...args, '--server', server.url], { env: { LAKEHOUSE_API_KEY: key } });

test('create, list, use, revoke', async () => {
  const made = await withKey(admin, 'key', 'create', '--role', 'agent', '--name', 'bot', '--json');
  assert.equal(made.code, 0, made.stderr);
  assert.equal(made.stderr, '');
  const { id, key, role, name } = JSON.parse(made.stdout);
  assert.deepEqual([role, name], ['agent', 'bot']);

  const table = await withKey(admin, 'key', 'list');
  assert.match(table.stdout, /^ID +ROLE +NAME +CREATED\n/);
  assert.match(table.stdout, new RegExp(`^${id} +agent +bot +20`, 'm'));
  assert.doesNotMatch(table.stdout, new RegExp(key), 'never the secret');
  const list = JSON.parse((await withKey(admin, 'key', 'list', '--json')).stdout);
  assert.deepEqual(list.items.map((item) => item.name).sort(), ['bot', 'ops']);

  const asked = await withKey(key, 'sql', '-c', 'SELECT 1');
  assert.equal(asked.code, 1, 'an agent may not run SQL');

  const revoked = await withKey(admin, 'key', 'revoke', id);
  assert.equal(revoked.stdout, `revoked ${id}\n`);
  const refused = await withKey(key, 'sql', '-c', 'SELECT 1');
  assert.equal(refused.code, 1);
  const again = await withKey(admin, 'key', 'revoke', 'nosuchid');
  assert.equal(again.code, 1);
  assert.match(again.stderr, /nosuchid/);
});

test('an admin key lets SQL through; none or a wrong one is told apart', async () => {
  const good = await withKey(admin, 'sql', '--csv', '-c', 'SELECT 42 AS n');
  assert.equal(good.stdout, 'n\r\n42\r\n', good.stderr);
  const none = await withKey('', 'sql', '-c', 'SELECT 1');
  assert.equal(none.code, 1);
  assert.match(none.stderr, /LAKEHOUSE_API_KEY/);
  const wrong = await withKey('lh_aaaaaaaaaaaa_bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb', 'sql', '-c', 'SELECT 1');
  assert.equal(wrong.code, 1);
  assert.doesNotMatch(wrong.stderr, /set LAKEHOUSE_API_KEY/);
});

test('a role that does not exist names those that do', async () => {
  const made = await withKey(admin, 'key', 'create', '--role', 'root');
  assert.notEqual(made.code, 0);
  assert.match(made.stderr, /admin[^]*recruiter[^]*analyst[^]*agent/);
});

test('the folder is locked while the server has it, and the message names its process', async () => {
  const run = await runLakehouse(['key', 'list', '--data', folder]);
  assert.equal(run.code, 1);
  assert.match(run.stderr, new RegExp(`in use by process ${server.pid} \\(lakehouse serve\\)\\n {2}hint: .*--server URL`));
});

test('listing makes no folder', async () => {
  const nowhere = path.join(makeTemporaryFolder(), 'nowhere');
  const run = await runLakehouse(['key', 'list', '--data', nowhere]);
  assert.equal(run.code, 1);
  assert.match(run.stderr, /there is no data folder/);
  assert.ok(!existsSync(nowhere));
});
