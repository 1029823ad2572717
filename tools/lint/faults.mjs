// faults.mjs: the list in src/os/fault_points.h is sorted and free of doubles, and holds exactly the names in use.
import { existsSync, readFileSync } from 'node:fs';
import { cFiles, complain, finish, readLines } from './tree.mjs';

const list = 'src/os/fault_points.h';
const listed = new Map();
let last = '';
if (existsSync(list)) {
  readLines(list).forEach((line, i) => {
    const name = /^\s*X\(\s*"([^"]+)"/.exec(line)?.[1];
    if (name === undefined) return;
    if (listed.has(name)) complain(list, i + 1, `"${name}" stands here twice`);
    else if (name < last) complain(list, i + 1, `"${name}" is not in its place; the list is sorted`);
    listed.set(name, i + 1);
    last = name;
  });
}

const used = new Set();
for (const file of cFiles('src')) {
  if (file === list || file === 'src/os/fault.h') continue;
  const text = readFileSync(file, 'utf8');
  for (const found of text.matchAll(/\bLH_FAULT\w*\(\s*"([^"]+)"/g)) {
    used.add(found[1]);
    const line = text.slice(0, found.index).split('\n').length;
    if (!listed.has(found[1])) complain(file, line, `fault point "${found[1]}" is not in ${list}`);
  }
}
for (const [name, line] of listed) {
  if (!used.has(name)) complain(list, line, `fault point "${name}" is used nowhere`);
}
finish('fault points');
