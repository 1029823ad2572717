// The real server for a test: a temporary data folder, a free port, gone at the end whatever happened.
//
//     import { startServer } from '../lib/server.mjs';
//     const server = await startServer({ t });       // t: the test's context; stops the server after it
//     await fetch(`${server.url}/health`);
//
// The program is $LAKEHOUSE_BIN, or build/release/bin/lakehouse.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
export const binary = path.resolve(root, process.env.LAKEHOUSE_BIN ?? 'build/release/bin/lakehouse');

const LOGS_KEPT = 8 << 20;

const children = new Set();
const folders = new Set();

function cleanUp() {
  for (const child of children) child.kill('SIGKILL');
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
}
process.on('exit', cleanUp);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => process.exit(1)); // runs the exit handlers
}

// A file of tests that hangs ends here and fails, by its name (tools/test/test.sh sets the limit).
const limitSeconds = Number(process.env.LAKEHOUSE_TEST_FILE_LIMIT_S ?? 0);
if (limitSeconds > 0) {
  setTimeout(() => {
    console.error(`${process.argv[1]} ran past ${limitSeconds} s`);
    process.exit(1);
  }, limitSeconds * 1000).unref();
}

/** A temporary folder that is removed when the test process ends. */
export function makeTemporaryFolder(prefix = 'lakehouse-test-') {
  const folder = mkdtempSync(path.join(tmpdir(), prefix));
  folders.add(folder);
  return folder;
}

export function removeFolder(folder) {
  rmSync(folder, { recursive: true, force: true });
  folders.delete(folder);
}

/**
 * Runs the program to its end.  `stdin`: text for it; `timeoutMs` passed: SIGKILL, and the promise rejects.
 * @returns {Promise<{code: number|null, signal: string|null, stdout: string, stderr: string}>}
 */
export async function runLakehouse(args, { cwd, env = {}, stdin = '', timeoutMs = 120_000 } = {}) {
  const child = spawn(binary, args, { cwd, env: { ...process.env, ...env } });
  children.add(child);
  const out = [];
  const err = [];
  child.stdout.on('data', (chunk) => out.push(chunk));
  child.stderr.on('data', (chunk) => err.push(chunk));
  child.stdin.on('error', () => {}); // a program that ends without reading is its own business
  child.stdin.end(stdin);
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    child.kill('SIGKILL');
  }, timeoutMs);
  try {
    const [code, signal] = await once(child, 'close');
    const result = { code, signal, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() };
    if (late) throw new Error(`lakehouse ${args.join(' ')} ran past ${timeoutMs} ms:\n${result.stderr}`);
    return result;
  } finally {
    clearTimeout(timer);
    children.delete(child);
  }
}

/**
 * Starts `lakehouse serve` and waits until it says where it listens.
 *
 * @param {object} [options]
 * @param {import('node:test').TestContext} [options.t]  the server is stopped after this test
 * @param {string} [options.dataDir]   an existing data folder, kept at the end; otherwise a fresh one, removed at the end
 * @param {string} [options.config]    text of a lakehouse.toml
 * @param {string[]} [options.args]    more arguments of `serve`
 * @param {string} [options.listen]    another address than 127.0.0.1:0
 * @param {object} [options.env]       more environment, such as LAKEHOUSE__SECTION__KEY
 * @param {number} [options.timeoutMs] how long it may take to listen
 * @param {string} [options.program]   instead of $LAKEHOUSE_BIN
 */
export async function startServer({ t, dataDir, config, args = [], listen = '127.0.0.1:0', env = {}, timeoutMs = 30_000, program = binary } = {}) {
  const ownFolder = dataDir === undefined;
  const data = dataDir ?? makeTemporaryFolder();
  const command = ['serve', '--data', data, '--http', listen, ...args];
  if (config !== undefined) {
    const scratch = ownFolder ? data : makeTemporaryFolder();
    const file = path.join(scratch, 'lakehouse.toml');
    writeFileSync(file, config);
    command.push('--config', file);
  }

  const child = spawn(program, command, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  children.add(child);
  const exited = new Promise((resolve) => {
    child.once('close', (code, signal) => {
      children.delete(child);
      resolve({ code, signal });
    });
    child.once('error', (error) => {
      children.delete(child);
      resolve({ code: null, signal: null, error });
    });
  });

  const server = {
    url: '',
    dataDir: data,
    pid: child.pid,
    /** What the server printed, both streams in the order of arrival; of very much, the end. */
    logs: '',
    /** Resolves to {code, signal} when the process is gone. */
    exited,
    /** SIGTERM, then SIGKILL when it is still there after `graceMs`.  Removes the folder if startServer made it. */
    async stop({ graceMs = 10_000 } = {}) {
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
      const result = await exited;
      clearTimeout(timer);
      if (ownFolder) removeFolder(data);
      return result;
    },
    /** SIGKILL, as a power switch would.  The folder stays, for a server started on it next. */
    async kill9() {
      child.kill('SIGKILL');
      return exited;
    },
  };
  t?.after(() => server.stop());

  const listening = new Promise((resolve) => {
    let heard = false;
    const watch = (stream) => {
      stream.setEncoding('utf8');
      stream.on('data', (text) => {
        server.logs += text;
        if (server.logs.length > 2 * LOGS_KEPT) server.logs = server.logs.slice(-LOGS_KEPT);
        if (heard) return; // a server under load prints megabytes
        const found = /listening (https?:\/\/\S+)\s/.exec(server.logs);
        heard = Boolean(found);
        if (found) resolve(found[1]);
      });
    };
    watch(child.stdout);
    watch(child.stderr);
  });
  let timer;
  const late = new Promise((resolve) => {
    timer = setTimeout(resolve, timeoutMs, 'late');
  });
  const first = await Promise.race([listening, exited, late]);
  clearTimeout(timer);
  if (typeof first !== 'string' || first === 'late') {
    child.kill('SIGKILL');
    const why = first === 'late' ? `did not listen within ${timeoutMs} ms` : `ended first: ${JSON.stringify(first)}`;
    if (ownFolder) removeFolder(data);
    throw new Error(`lakehouse ${command.join(' ')} ${why}\n${server.logs}${first?.error ?? ''}`);
  }
  server.url = first;
  return server;
}

/** POST /query/sql as JSON; the parsed answer, with `status`.  Never throws on an HTTP error. */
export async function query(server, sql, body = {}, headers = {}) {
  const response = await fetch(`${server.url}/query/sql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ sql, ...body }),
  });
  return { status: response.status, ...(await response.json()) };
}
