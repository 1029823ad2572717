// links.mjs: relative links in Markdown lead to files that are there, and every folder of src/ has its README.md.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { cFiles, complain, files, finish } from './tree.mjs';

for (const file of files('.', /\.md$/)) {
  const text = readFileSync(file, 'utf8').replace(/```[\s\S]*?```/g, (block) => block.replace(/[^\n]/g, ' '));
  text.split('\n').forEach((line, i) => {
    for (const [, target] of line.matchAll(/\[[^\]]*\]\(([^)\s]+)[^)]*\)/g)) {
      if (/^[a-z]+:|^#/.test(target)) continue;
      const place = path.join(path.dirname(file), decodeURI(target.split('#')[0]));
      if (!existsSync(place)) complain(file, i + 1, `leads nowhere: ${target}`);
    }
  });
}

for (const folder of new Set(cFiles('src').map((file) => path.dirname(file)))) {
  if (!existsSync(path.join(folder, 'README.md'))) complain(folder, 0, 'has no README.md');
}
finish('links');
