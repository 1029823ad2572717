// layers.mjs: every #include "..." under src/ names its own folder or one that layers.txt allows it.
import { readFileSync } from 'node:fs';
import { cFiles, complain, finish, readLines } from './tree.mjs';

const allowed = new Map();
for (const line of readLines('tools/lint/layers.txt')) {
  if (line.startsWith('#') || line.trim() === '') continue;
  const [module, uses] = line.split(':');
  allowed.set(module.trim(), new Set(uses.trim().split(/\s+/).filter(Boolean)));
}

// The longest folder name wins: src/engine/worker/x.c is engine/worker, not engine.
const modules = [...allowed.keys()].sort((a, b) => b.length - a.length);
const moduleOf = (file) => modules.find((module) => file.startsWith(`${module}/`));

for (const [module, uses] of allowed) {
  for (const used of uses) {
    if (!allowed.has(used)) complain('tools/lint/layers.txt', 0, `${module} may use ${used}, which has no line`);
    else if (allowed.get(used).has(module)) complain('tools/lint/layers.txt', 0, `${module} and ${used} use each other`);
  }
}

for (const file of cFiles('src')) {
  const own = moduleOf(file.slice('src/'.length));
  if (own === undefined) {
    complain(file, 0, 'its folder has no line in tools/lint/layers.txt');
    continue;
  }
  readFileSync(file, 'utf8').split('\n').forEach((line, i) => {
    const quoted = /^\s*#\s*include\s+"([^"]+)"/.exec(line);
    if (quoted) {
      const used = moduleOf(quoted[1]);
      if (used === undefined) complain(file, i + 1, `"${quoted[1]}" is not written as module/file.h`);
      else if (used !== own && !allowed.get(own).has(used)) complain(file, i + 1, `${own} may not include ${quoted[1]}`);
      if (/_internal\.h$/.test(quoted[1]) && used !== own) complain(file, i + 1, `${quoted[1]} is private to ${used}`);
    }
    if (/^\s*#\s*include\s+[<"]duckdb\.h[>"]/.test(line) && own !== 'engine/worker') {
      complain(file, i + 1, 'only engine/worker includes duckdb.h');
    }
  });
}
finish('layers');
