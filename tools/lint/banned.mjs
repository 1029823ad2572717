// banned.mjs: calls of the functions in banned.txt under src/, and words that mark unfinished work anywhere.
import { readFileSync } from 'node:fs';
import { cFiles, codeOnly, complain, files, finish, readLines } from './tree.mjs';

const banned = new Map();
for (const line of readLines('tools/lint/banned.txt')) {
  const found = /^(\w+)\s+(\S+)\s+(.+)$/.exec(line);
  if (found) banned.set(found[1], { folders: found[2].split(','), instead: found[3] });
}
// A call or an address taken as an argument; not a member (x->free), nor part of a longer name.
const pattern = new RegExp(`(?<![\\w.*]|->|\\bX\\()(${[...banned.keys()].join('|')})(?=\\s*[(,)])`, 'g');

for (const file of cFiles('src')) {
  codeOnly(readFileSync(file, 'utf8')).split('\n').forEach((line, i) => {
    if (/^\s*#/.test(line)) return;
    for (const [, name] of line.matchAll(pattern)) {
      const { folders, instead } = banned.get(name);
      if (folders.some((folder) => file.startsWith(`src/${folder}/`))) continue;
      complain(file, i + 1, `${name} is banned here; use ${instead}`);
    }
  });
}

const unfinished = /\b(TODO|FIXME|XXX|HACK)\b/;
for (const file of files('.', /\.(c|h|cpp|mjs|sh|cmake|md|toml|txt)$/)) {
  if (file.startsWith('tools/lint/')) continue;
  readLines(file).forEach((line, i) => {
    if (unfinished.test(line)) complain(file, i + 1, `unfinished: ${line.trim()}`);
  });
}
finish('banned');
