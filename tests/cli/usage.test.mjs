// How the program answers to its own name: the list of commands, their help, wrong usage, and whether the man page and
// the completions say the same as the option tables.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { binary, root, runLakehouse } from '../lib/server.mjs';

const overview = (await runLakehouse(['help'])).stdout;
const commands = [...overview.matchAll(/^ {2}([a-z]+) {2,}\S/gm)].map((found) => found[1]);

test('alone it shows the commands on stderr, as wrong usage', async () => {
  const { code, stdout, stderr } = await runLakehouse([]);
  assert.equal(code, 2);
  assert.equal(stdout, '');
  assert.equal(stderr, overview);
  for (const command of ['serve', 'sql', 'ingest', 'demo', 'check', 'key', 'config', 'version']) {
    assert.ok(commands.includes(command), command);
  }
});

test('help comes in every spelling, on stdout', async () => {
  for (const args of [['help'], ['--help'], ['-h']]) {
    assert.deepEqual(await runLakehouse(args), { code: 0, signal: null, stdout: overview, stderr: '' });
  }
  for (const command of commands) {
    const long = await runLakehouse([command, '--help']);
    assert.equal(long.code, 0, command);
    assert.match(long.stdout, new RegExp(`^usage: lakehouse ${command} `), command);
    assert.equal(long.stderr, '');
    for (const line of long.stdout.split('\n')) assert.ok(line.length <= 130, `${command}: too wide: ${line}`);
    for (const args of [[command, '-h'], ['help', command]]) assert.equal((await runLakehouse(args)).stdout, long.stdout);
  }
});

const wrong = {
  'a command that does not exist': [['serv'], /there is no command "serv"/, /did you mean lakehouse serve\?/],
  'a command like none': [['frobnicate'], /there is no command "frobnicate"/, /'lakehouse help' lists the commands/],
  'help about nothing': [['help', 'sqll'], /there is no command "sqll"/, /did you mean lakehouse sql\?/],
  'an option that does not exist': [['sql', '--jsn'], /there is no option --jsn/, /did you mean --json\?/],
  'a letter that does not exist': [['sql', '-Z'], /there is no option -Z/, /see: lakehouse sql --help/],
  'an option without its value': [['sql', '--limit'], /--limit needs a value: N/, /see: lakehouse sql --help/],
  'a flag with a value': [['sql', '--csv=yes'], /--csv takes no value/, /see: /],
  'an option twice': [['sql', '--limit', '1', '--limit=2'], /--limit was given twice/, /see: /],
  'two formats': [['sql', '--csv', '--json', '-c', 'SELECT 1'], /choose one of --json/],
  'a limit that is no number': [['sql', '--limit', 'many', '-c', 'SELECT 1'], /--limit is "many"; it must be a number from 1/],
  'a time that is none': [['sql', '--timeout', 'soon', '-c', 'SELECT 1'], /--timeout is "soon"/, /see: /],
  'a statement and a file': [['sql', '-c', 'SELECT 1', 'x.sql'], /one of -c SQL, --ask QUESTION and a file/],
  'a server and a folder': [['sql', '--server', 'http://localhost', '--data', 'x', '-c', 'SELECT 1'], /either --server or --data/],
  'an address that is none': [['sql', '--server', 'ftp://x', '-c', 'SELECT 1'], /is not the address of a server/],
  'nothing to ingest': [['ingest'], /needs more: PATH/],
  'a name for two files': [['ingest', 'a', 'b', '--name', 'n'], /--name goes with one file/],
  'a scale that is none': [['demo', '--scale', '0'], /--scale is "0"/],
  'a seed that is none': [['demo', '--seed', '-1'], /--seed is "-1"/],
  'a key action that does not exist': [['key', 'make'], /it knows create, list and revoke/],
  'a key without a role': [['key', 'create'], /needs --role/],
  'a revocation of nothing': [['key', 'revoke'], /needs the id/],
  'a config action that does not exist': [['config', 'shw'], /it knows check and show/],
  'an argument too many': [['check', 'here'], /one argument too many: "here"/],
  'an address to serve that is none': [['serve', '--http', 'here'], /"here" is not ADDRESS:PORT/, /for example 127\.0\.0\.1:3100/],
};
for (const [name, [args, ...patterns]] of Object.entries(wrong)) {
  test(`wrong usage: ${name}`, async () => {
    const { code, stdout, stderr } = await runLakehouse(args, { env: { LAKEHOUSE_SERVER: 'http://127.0.0.1:1' } });
    assert.equal(code, 2, stderr);
    assert.equal(stdout, '');
    for (const pattern of patterns) assert.match(stderr, pattern);
  });
}

test('version', async () => {
  const version = readFileSync(path.join(root, 'VERSION'), 'utf8').trim();
  for (const args of [['version'], ['--version']]) assert.equal((await runLakehouse(args)).stdout, `lakehouse ${version}\n`);
  assert.deepEqual(JSON.parse((await runLakehouse(['version', '--json'])).stdout), { version });
});

test('no server: says so, and what to do; as JSON with --json', async () => {
  const env = { LAKEHOUSE_SERVER: 'http://127.0.0.1:1' };
  const text = await runLakehouse(['sql', '-c', 'SELECT 1'], { env });
  assert.equal(text.code, 1);
  assert.match(text.stderr, /cannot connect to 127\.0\.0\.1:1\n {2}hint: is a server running there\?.*--data DIR/);
  const json = await runLakehouse(['sql', '--json', '-c', 'SELECT 1'], { env });
  assert.equal(json.code, 1);
  assert.equal(json.stdout, '');
  assert.match(JSON.parse(json.stderr).hint, /lakehouse serve/);
});

test('the man page and the completions say what the program says', () => {
  const run = spawnSync('node', [path.join(root, 'tools/generate/command_line.mjs'), '--check'], {
    env: { ...process.env, LAKEHOUSE_BIN: binary },
    encoding: 'utf8',
  });
  assert.equal(run.status, 0, run.stderr);
});

test('bash completes commands, options, and their values', () => {
  const complete = (...words) => {
    const script = 'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _lakehouse; printf "%s\\n" "${COMPREPLY[@]}"';
    const file = path.join(root, 'share/completions/lakehouse.bash');
    return spawnSync('bash', ['-c', script, '-', file, 'lakehouse', ...words], { encoding: 'utf8' }).stdout.trim().split('\n');
  };
  assert.deepEqual(complete('s'), ['serve', 'sql', 'search']);
  assert.deepEqual(complete('key', 'c'), ['create']);
  assert.deepEqual(complete('key', 'create', '--role', 'a'), ['admin', 'analyst', 'agent']);
  assert.deepEqual(complete('sql', '--as-'), ['--as-of']);
  assert.deepEqual(complete('sql', '--limit', ''), ['']);
});

test('the man page is well-formed', { skip: spawnSync('man', ['--version']).error && 'there is no man' }, () => {
  const run = spawnSync('man', ['--warnings', '-E', 'UTF-8', '-l', '-Tutf8', '-Z', path.join(root, 'docs/man/lakehouse.1')], { encoding: 'utf8' });
  assert.equal(run.stderr, '');
});
