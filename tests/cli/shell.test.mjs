// The interactive shell, and what else depends on a terminal, through a pseudo-terminal made by script(1).
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { binary, makeTemporaryFolder, runLakehouse, startServer } from '../lib/server.mjs';

let server;
const home = makeTemporaryFolder();
before(async () => {
  writeFileSync(path.join(home, 'contractors.csv'), 'contractor_id,full_name\n1,Zoë\n2,José\n');
  server = await startServer();
  const made = await runLakehouse(['ingest', path.join(home, 'contractors.csv'), '--server', server.url]);
  assert.equal(made.code, 0, made.stderr);
});
after(() => server.stop());

const quote = (word) => `'${word.replaceAll("'", `'\\''`)}'`;

/** `lakehouse sql` on a terminal of its own; `raw` has its control sequences, `text` does not. */
class Terminal {
  constructor(t, args = [], { columns = 100, env = {} } = {}) {
    const program = [binary, 'sql', '--server', server.url, ...args].map(quote).join(' ');
    const command = `stty rows 40 cols ${columns}; exec ${program}`;
    this.child = spawn('script', ['-qec', command, '/dev/null'], {
      env: { ...process.env, HOME: home, XDG_STATE_HOME: '', SHELL: '/bin/bash', TERM: 'xterm', LC_ALL: 'C.UTF-8', NO_COLOR: '', ...env },
    });
    this.raw = '';
    this.text = '';
    this.seen = 0;
    this.changed = () => {};
    this.child.stdout.setEncoding('utf8').on('data', (text) => {
      this.raw += text;
      this.text = this.raw.replace(/\x1b\[[\d;?]*[A-Za-z]/g, '');
      this.changed();
    });
    const limit = setTimeout(() => this.child.kill('SIGKILL'), 120_000); // then `ended` gives null
    this.ended = new Promise((resolve) => {
      this.child.once('close', (code) => {
        clearTimeout(limit);
        this.over = true;
        this.changed();
        resolve(code);
      });
    });
    t.after(() => this.child.kill('SIGKILL'));
  }

  /** Waits for the pattern in what came since the last match; gives the text up to its end. */
  async until(pattern) {
    const deadline = Date.now() + 60_000;
    for (;;) {
      const found = pattern.exec(this.text.slice(this.seen));
      if (found) {
        const text = this.text.slice(this.seen, this.seen + found.index + found[0].length);
        this.seen += found.index + found[0].length;
        return text;
      }
      if (this.over || Date.now() > deadline) {
        this.child.kill('SIGKILL');
        assert.fail(`no ${pattern} in ${JSON.stringify(this.text.slice(this.seen))}`);
      }
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, 1000);
        this.changed = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  type(keys) {
    this.child.stdin.write(keys);
  }

  async leave() {
    this.type('\x04');
    assert.equal(await this.ended, 0);
  }
}

const prompt = /sql> /;

test('statements over several lines, several on one, and errors in between', async (t) => {
  const shell = new Terminal(t);
  await shell.until(/\.help tells more/);
  await shell.until(prompt);
  shell.type('SELECT count(*) AS people\n');
  await shell.until(/\.\.\.> /);
  shell.type('FROM contractors;\n');
  assert.match(await shell.until(/1 row \(/), /people[^]*│ +2 │/);
  await shell.until(prompt);
  shell.type('SELECT nothing FROM contractors;\n');
  await shell.until(/LINE 1: SELECT nothing[^]*\^/);
  await shell.until(prompt);
  shell.type("SELECT 'a;b' AS t; SELECT 7 * 6 AS answer;\n");
  await shell.until(/a;b[^]*1 row \([^]*42[^]*1 row \(/);
  await shell.until(prompt);
  await shell.leave();
});

test('Tab completes names of tables and columns', async (t) => {
  const shell = new Terminal(t);
  await shell.until(prompt);
  shell.type('SELECT full_\tFROM contractors\tWHERE contractor_i\t= 2;\n');
  await shell.until(/full_name[^]*José[^]*1 row \(/);
  await shell.until(prompt);
  await shell.leave();
});

test('dot commands', async (t) => {
  const shell = new Terminal(t);
  await shell.until(prompt);
  shell.type('.tables\n');
  await shell.until(/contractors +2 rows/);
  shell.type('.schema contractors\n');
  await shell.until(/contractor_id[^]*BIGINT[^]*full_name[^]*VARCHAR/);
  shell.type('.mode csv\nFROM contractors;\n');
  await shell.until(/contractor_id,full_name\r+\n1,Zoë\r+\n2,José/);
  shell.type('.mode table\n.limit 1\nFROM contractors;\n');
  await shell.until(/1 row shown, there are more/);
  shell.type('.mode xml\n');
  await shell.until(/modes: table, json/);
  shell.type('.limit none\n');
  await shell.until(/\.limit needs a number/);
  shell.type('.frobnicate\n');
  await shell.until(/\.tables +datasets/);
  shell.type('.quit\n');
  assert.equal(await shell.ended, 0);
});

test('the history outlives the shell', async (t) => {
  const first = new Terminal(t);
  await first.until(prompt);
  first.type("SELECT 'kept' || '-line' AS t;\n");
  await first.until(/kept-line/);
  await first.until(prompt);
  await first.leave();
  assert.ok(existsSync(path.join(home, '.lakehouse_history')));
  assert.match(readFileSync(path.join(home, '.lakehouse_history'), 'utf8'), /kept/);
  const second = new Terminal(t);
  await second.until(prompt);
  second.type('\x1b[A\n'); // the line before
  await second.until(/kept-line/);
  await second.until(prompt);
  await second.leave();
});

test('a table is cut to the width of the terminal', async (t) => {
  const statement = "SELECT 'some text of a certain length' AS first_column, 'more of the like, and longer' AS second_column";
  const wide = new Terminal(t, ['-c', statement], { columns: 120 });
  assert.equal(await wide.ended, 0);
  assert.match(wide.text, /│ some text of a certain length[^\n]*│ more of the like, and longer/);
  const narrow = new Terminal(t, ['-c', statement], { columns: 40 });
  assert.equal(await narrow.ended, 0);
  for (const line of narrow.text.split(/\r?\n/)) assert.ok([...line].length <= 40, line);
});

test('more columns than the terminal has room for become records below each other', async (t) => {
  const columns = Array.from({ length: 12 }, (_, i) => `${i} AS column_${i}`).join(', ');
  const narrow = new Terminal(t, ['-c', `SELECT ${columns}`], { columns: 40 });
  assert.equal(await narrow.ended, 0);
  for (let i = 0; i < 12; i++) assert.match(narrow.text, new RegExp(`^ *column_${i}\\b.* ${i}\\r?$`, 'm'));
});

test('colours on a terminal, none with NO_COLOR', async (t) => {
  const args = ['-c', 'SELECT NULL AS n'];
  const plain = new Terminal(t, args, { env: { NO_COLOR: '1' } });
  assert.equal(await plain.ended, 0);
  assert.doesNotMatch(plain.raw, /\x1b\[/);
  const colored = new Terminal(t, args);
  assert.equal(await colored.ended, 0);
  assert.match(colored.raw, /\x1b\[1m|\x1b\[2m/);
});
