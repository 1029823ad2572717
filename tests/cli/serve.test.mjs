// `lakehouse serve`: what it refuses, TLS, signals; and that a killed process leaves nothing behind.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import net from 'node:net';
import path from 'node:path';
import test from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { binary, makeTemporaryFolder, query, runLakehouse, startServer } from '../lib/server.mjs';

const cwd = makeTemporaryFolder();
const openssl = (() => {
  try {
    execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=localhost',
      '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', 'key.pem', '-out', 'cert.pem'], { cwd, stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();
const tls = { LAKEHOUSE__SERVER__TLS_CERT: path.join(cwd, 'cert.pem'), LAKEHOUSE__SERVER__TLS_KEY: path.join(cwd, 'key.pem') };

test('an address that others reach is refused without TLS, and without keys', async () => {
  const data = makeTemporaryFolder();
  const open = await runLakehouse(['serve', '--data', data, '--http', '0.0.0.0:0']);
  assert.equal(open.code, 1);
  assert.equal(open.stdout, '');
  assert.match(open.stderr, /0\.0\.0\.0 is reachable from outside.*\n {2}hint: .*--insecure/);
  const keyless = await runLakehouse(['serve', '--data', data, '--http', '0.0.0.0:0'], { env: { ...tls, LAKEHOUSE__AUTH__ENABLED: 'off' } });
  assert.equal(keyless.code, 1);
  assert.match(keyless.stderr, /keys|auth/i);
});

test('--insecure serves it all the same', async (t) => {
  const server = await startServer({ t, args: ['--insecure'], listen: '0.0.0.0:0' });
  const { port } = new URL(server.url);
  assert.equal((await fetch(`http://127.0.0.1:${port}/health`)).status, 200);
});

test('TLS: HTTPS with a certificate, plain HTTP is not answered', { skip: !openssl && 'there is no openssl' }, async (t) => {
  const server = await startServer({ t, env: tls });
  assert.match(server.url, /^https:/);
  const ask = (options) =>
    new Promise((resolve, reject) => {
      https.get(`${server.url}/health`, options, (reply) => resolve(reply.resume().statusCode)).on('error', reject);
    });
  assert.equal(await ask({ ca: readFileSync(path.join(cwd, 'cert.pem')) }), 200);
  await assert.rejects(ask({}), /self[- ]signed/);
  await assert.rejects(fetch(`${server.url.replace('https:', 'http:')}/health`));
  const client = await runLakehouse(['sql', '--server', server.url, '--csv', '-c', 'SELECT 1 AS n']);
  assert.equal(client.code, 1, 'the command line does not trust it either');
  assert.match(client.stderr, /certificate of 127\.0\.0\.1:\d+ is not one that is trusted here\n {2}hint: LAKEHOUSE_CA_FILE/);
  const trusting = await runLakehouse(['sql', '--server', server.url, '--csv', '-c', 'SELECT 1 AS n'], {
    env: { LAKEHOUSE_CA_FILE: path.join(cwd, 'cert.pem') },
  });
  assert.equal(trusting.stdout, 'n\r\n1\r\n', trusting.stderr);
});

test('a certificate that cannot be used is named', async () => {
  writeFileSync(path.join(cwd, 'nonsense.pem'), 'nonsense\n');
  const missing = await runLakehouse(['serve', '--data', makeTemporaryFolder(), '--http', '127.0.0.1:0'], {
    env: { LAKEHOUSE__SERVER__TLS_CERT: '/no/such.pem', LAKEHOUSE__SERVER__TLS_KEY: '/no/such.key' },
  });
  assert.equal(missing.code, 1);
  assert.match(missing.stderr, /\/no\/such\.pem/);
});

test('a port in use is named', async (t) => {
  const holder = net.createServer().listen(0, '127.0.0.1');
  t.after(() => holder.close());
  await new Promise((resolve) => holder.once('listening', resolve));
  const { port } = holder.address();
  const run = await runLakehouse(['serve', '--data', makeTemporaryFolder(), '--http', `127.0.0.1:${port}`]);
  assert.equal(run.code, 1);
  assert.match(run.stderr, new RegExp(`127\\.0\\.0\\.1 port ${port} is in use`));
});

test('an address that is none of this machine', async () => {
  const run = await runLakehouse(['serve', '--data', makeTemporaryFolder(), '--http', '300.1.1.1:0']);
  assert.equal(run.code, 1);
  assert.match(run.stderr, /300\.1\.1\.1/);
});

test('a folder in use is refused with the pid of its holder', async (t) => {
  const server = await startServer({ t });
  const second = await runLakehouse(['serve', '--data', server.dataDir, '--http', '127.0.0.1:0']);
  assert.equal(second.code, 1);
  assert.match(second.stderr, new RegExp(`in use by process ${server.pid} \\(lakehouse serve\\)`));
});

for (const signal of ['SIGTERM', 'SIGINT']) {
  test(`${signal} ends it cleanly, with exit code 0 and without processes left`, async () => {
    const server = await startServer();
    assert.equal((await query(server, 'SELECT 1')).status, 200);
    const family = descendants(server.pid);
    assert.ok(family.length >= 2, 'an engine host and a worker');
    process.kill(server.pid, signal);
    assert.deepEqual(await server.exited, { code: 0, signal: null });
    await untilGone(family);
  });
}

function processes() {
  const list = [];
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const [, state, parent] = /\) (\S) (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'));
      if (state !== 'Z') list.push({ pid: Number(pid), parent: Number(parent) });
    } catch {
      // gone meanwhile
    }
  }
  return list;
}

function descendants(pid) {
  const all = processes();
  const family = [pid];
  for (const one of family) family.push(...all.filter((p) => p.parent === one).map((p) => p.pid));
  return family.slice(1);
}

async function untilGone(pids) {
  for (let tries = 0; tries < 600; tries++) {
    const alive = new Set(processes().map((p) => p.pid));
    if (!pids.some((pid) => alive.has(pid))) return;
    await sleep(50);
  }
  assert.fail(`still there: ${pids}`);
}

test('kill -9 of a server and of a command on a folder: no process stays, and the folder opens again', async () => {
  const server = await startServer({ dataDir: makeTemporaryFolder() });
  assert.equal((await query(server, 'SELECT 1')).status, 200);
  const family = descendants(server.pid);
  await server.kill9();
  await untilGone(family);

  const tmp = makeTemporaryFolder();
  const child = spawn(binary, ['sql', '--data', server.dataDir, '-c', 'SELECT count(*) FROM range(100000000000000)'], {
    stdio: 'ignore',
    env: { ...process.env, TMPDIR: tmp },
  });
  let own = [];
  for (let tries = 0; tries < 600 && own.length < 2; tries++) {
    await sleep(50);
    own = descendants(child.pid);
  }
  assert.ok(own.length >= 2, 'an engine host and a worker');
  child.kill('SIGKILL');
  await untilGone(own);
  assert.deepEqual(readdirSync(tmp), [], 'nothing is left among the temporary files');
  const again = await runLakehouse(['sql', '--data', server.dataDir, '--csv', '-c', 'SELECT 1 AS n']);
  assert.equal(again.stdout, 'n\r\n1\r\n', again.stderr);
  assert.ok(!existsSync(path.join(server.dataDir, 'tmp/http')));
});
