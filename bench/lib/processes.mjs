// A server with its engine host and workers, as /proc shows them.
import { readFileSync, readdirSync } from 'node:fs';

/** The process and all below it. */
export function family(pid) {
  const parents = new Map();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
      parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]));
    } catch {
      // gone meanwhile
    }
  }
  const found = new Set([pid]);
  for (let grown = true; grown; ) {
    grown = false;
    for (const [child, parent] of parents) {
      if (found.has(parent) && !found.has(child)) {
        found.add(child);
        grown = true;
      }
    }
  }
  return [...found];
}

/** Proportional set size of the family in bytes: memory that processes share is counted once. */
export const proportionalBytes = (pid) => sum(pid, /^Pss:\s+(\d+) kB/m);

/** What of it is no file's: what can leak.  (Of files, libduckdb above all, others on the machine may have a share that changes.) */
export const anonymousBytes = (pid) => sum(pid, /^Pss_Anon:\s+(\d+) kB/m);

function sum(pid, line) {
  let total = 0;
  for (const member of family(pid)) {
    try {
      const found = line.exec(readFileSync(`/proc/${member}/smaps_rollup`, 'utf8'));
      if (found) total += Number(found[1]) * 1024;
    } catch {
      // gone meanwhile
    }
  }
  return total;
}

export function descriptors(pid) {
  try {
    return readdirSync(`/proc/${pid}/fd`).length;
  } catch {
    return 0;
  }
}

/** Processor time of the family so far, in milliseconds: what a busy machine does not change much. */
export function processorMs(pid) {
  let total = 0;
  for (const member of family(pid)) {
    try {
      for (const thread of readdirSync(`/proc/${member}/task`))
        total += Number(readFileSync(`/proc/${member}/task/${thread}/schedstat`, 'utf8').split(' ')[0]) / 1e6;
    } catch {
      // gone meanwhile
    }
  }
  return total;
}
