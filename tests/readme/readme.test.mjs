// The examples of README.md and of the pages under docs/ do what they say.
//
// A fenced block of `sh` below the line <!-- test --> is run by bash in a fresh folder, against a server whose data folder
// holds a small staffing demo.  A fenced block below <!-- output --> is what the block before it must print; a line of
// `...` stands for any lines.  In the text, http://127.0.0.1:3100 is the server's address, `lakehouse` is on the PATH, and
// demo/ is that of the checkout.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { binary, makeTemporaryFolder, root, runLakehouse, startServer } from '../lib/server.mjs';

function pages() {
  const found = ['README.md'];
  const docs = path.join(root, 'docs');
  if (existsSync(docs)) {
    for (const name of readdirSync(docs, { recursive: true })) found.push(path.join('docs', name));
  }
  return found.filter((name) => name.endsWith('.md') && existsSync(path.join(root, name)));
}

function examples(page) {
  const lines = readFileSync(path.join(root, page), 'utf8').split('\n');
  const found = [];
  for (let i = 0; i < lines.length; i++) {
    const mark = /^<!-- (test|output) -->$/.exec(lines[i].trim())?.[1];
    if (mark === undefined) continue;
    let start = i + 1;
    while (lines[start]?.trim() === '') start++;
    assert.match(lines[start] ?? '', /^```/, `${page}:${i + 1}: no fenced block below <!-- ${mark} -->`);
    const end = lines.indexOf('```', start + 1);
    assert.notEqual(end, -1, `${page}:${start + 1}: the fenced block has no end`);
    const text = lines.slice(start + 1, end).join('\n');
    if (mark === 'test') {
      found.push({ name: `${page}:${start + 1}`, script: text });
    } else {
      assert.ok(found.length > 0, `${page}:${i + 1}: an output without an example before it`);
      found.at(-1).output = text;
    }
    i = end;
  }
  return found;
}

/** Whether the lines are those of the pattern, in which `...` stands for any number of lines. */
function linesMatch(lines, pattern) {
  if (pattern.length === 0) return lines.length === 0;
  if (pattern[0] === '...') {
    for (let i = 0; i <= lines.length; i++) if (linesMatch(lines.slice(i), pattern.slice(1))) return true;
    return false;
  }
  return lines.length > 0 && lines[0].trimEnd() === pattern[0].trimEnd() && linesMatch(lines.slice(1), pattern.slice(1));
}

async function runScript(script, cwd, url) {
  const address = new URL(url).host;
  const child = spawn('bash', ['-euo', 'pipefail', '-c', script.replaceAll('127.0.0.1:3100', address)], {
    cwd,
    env: { ...process.env, LAKEHOUSE_SERVER: url, PATH: `${path.dirname(binary)}:${process.env.PATH}` },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let out = '';
  let all = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    out += text;
    all += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text) => {
    all += text;
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), 60_000);
  const [code] = await once(child, 'close');
  clearTimeout(timer);
  return { code, out: out.replaceAll(address, '127.0.0.1:3100'), all };
}

const tested = pages().map((page) => [page, examples(page)]).filter(([, list]) => list.length > 0);
for (const [page, list] of tested) {
  test(page, async (t) => {
    const data = makeTemporaryFolder();
    const demo = await runLakehouse(['demo', '--data', data, '--scale', '0.01']);
    assert.equal(demo.code, 0, demo.stderr);
    const server = await startServer({ t, dataDir: data });
    const cwd = makeTemporaryFolder();
    symlinkSync(path.join(root, 'demo'), path.join(cwd, 'demo'));
    for (const example of list) {
      await t.test(example.name, async () => {
        const { code, out, all } = await runScript(example.script, cwd, server.url);
        assert.equal(code, 0, `exit status ${code}\n${example.script}\n--\n${all}`);
        if (example.output !== undefined) {
          const lines = out.trimEnd().split('\n');
          assert.ok(linesMatch(lines, example.output.trimEnd().split('\n')), `wanted\n${example.output}\n-- got\n${out}`);
        }
      });
    }
  });
}

if (existsSync(path.join(root, 'README.md'))) {
  test('README.md has examples that are run', () => {
    assert.ok(examples('README.md').length > 0);
  });
}
