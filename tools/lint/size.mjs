// size.mjs: C files beyond 1,000 lines.  A warning, not a failure: the cure is a split by topic, which takes thought.
import { cFiles, readLines } from './tree.mjs';

for (const file of cFiles('.')) {
  const lines = readLines(file).length - 1;
  if (lines > 1000) console.log(`${file}: warning: ${lines} lines; split it by topic`);
}
