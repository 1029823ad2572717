// `lakehouse config`: every problem with its file, line, key and what is allowed.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { makeTemporaryFolder, root, runLakehouse } from '../lib/server.mjs';

const cwd = makeTemporaryFolder();
const wrong = '[query]\ntimeot = "3s"\ntimeout = "abc"\n[server]\nthreads = -1\nlisten = 7\n[sever]\n';
writeFileSync(path.join(cwd, 'wrong.toml'), wrong);
writeFileSync(path.join(cwd, 'broken.toml'), '[query\ntimeout = 1\n');
const config = (args, options) => runLakehouse(['config', ...args], { cwd, ...options });

test('check names every problem of a file', async () => {
  const { code, stdout, stderr } = await config(['check', '--config', 'wrong.toml']);
  assert.equal(code, 1);
  assert.equal(stdout, '');
  for (const pattern of [
    /^wrong\.toml:2: there is no key "query\.timeot"; did you mean "timeout"\?$/m,
    /^wrong\.toml:3: "query\.timeout" cannot be "abc": it must be a time such as/m,
    /^wrong\.toml:5: "server\.threads" cannot be -1: it must be a whole number, 1\.\.512$/m,
    /^wrong\.toml:6: "server\.listen"/m,
    /^wrong\.toml:7: there is no section "sever"; did you mean "server"\?$/m,
  ]) {
    assert.match(stderr, pattern);
  }
  const json = JSON.parse((await config(['check', '--json', '--config', 'wrong.toml'])).stdout);
  assert.deepEqual(json, { ok: false, file: 'wrong.toml', problems: stderr.trimEnd().split('\n') });
});

test('a file that is no TOML is told with its line', async () => {
  const { code, stderr } = await config(['check', '--config', 'broken.toml']);
  assert.equal(code, 1);
  assert.match(stderr, /broken\.toml:1/);
});

test('every other command refuses a wrong file as well', async () => {
  for (const args of [['serve', '--http', '127.0.0.1:0'], ['check', '--data', '.'], ['sql', '--data', '.', '-c', 'SELECT 1'], ['config', 'show']]) {
    const run = await runLakehouse([...args, '--config', 'wrong.toml'], { cwd });
    assert.equal(run.code, 1, args.join(' '));
    assert.match(run.stderr, /wrong\.toml:2: there is no key "query\.timeot"/, args.join(' '));
  }
});

test('the environment is checked by the same rules', async () => {
  const { code, stderr } = await config(['check'], { env: { LAKEHOUSE__QUERY__TIMEOT: '3s' } });
  assert.equal(code, 1);
  assert.match(stderr, /LAKEHOUSE__QUERY__TIMEOT/);
});

test('a missing file is an error when it was named, and defaults when it was not', async () => {
  const missing = await config(['check', '--config', 'missing.toml']);
  assert.equal(missing.code, 1);
  assert.match(missing.stderr, /cannot open "missing\.toml"/);
  const defaults = await config(['check']);
  assert.deepEqual([defaults.code, defaults.stdout], [0, 'defaults and environment: ok\n']);
});

test('the sample file is right, and show prints what is in force, in the same form', async () => {
  const sample = path.join(root, 'lakehouse.toml');
  assert.equal((await config(['check', '--config', sample])).code, 0);
  const shown = await config(['show'], { env: { LAKEHOUSE__QUERY__TIMEOUT: '77s' } });
  assert.equal(shown.code, 0);
  assert.match(shown.stdout, /^timeout = "77s"$/m);
  writeFileSync(path.join(cwd, 'shown.toml'), shown.stdout);
  assert.equal((await config(['check', '--config', 'shown.toml'])).code, 0, 'what show prints is a valid file');
  const keys = (text) => [...text.matchAll(/^#? ?([a-z_]+) = /gm)].map((found) => found[1]);
  assert.deepEqual(keys((await config(['show'])).stdout), keys(readFileSync(sample, 'utf8')), 'the sample has every key');
});
