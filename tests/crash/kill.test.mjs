// kill -9 at random moments under load: of the server, of its engine host, of its workers.  After each the same folder is
// served again (or the server goes on), and everything that was acknowledged is there, whole, once.
//
//   LAKEHOUSE_KILLS=20       how often (100 by make torture, 1,000 by make torture-release)
//   LAKEHOUSE_KILL_SEED=7    the same moments and victims again; what the processes do meanwhile is theirs
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { makeTemporaryFolder, startServer } from '../lib/server.mjs';
import { Ledger, ask } from './ledger.mjs';

const kills = Number(process.env.LAKEHOUSE_KILLS ?? 20);
const seed = Number(process.env.LAKEHOUSE_KILL_SEED ?? (Date.now() % 100000) + 1);
const CHECK_EVERY = 5;

const env = {
  LAKEHOUSE__CATALOG__CHECKPOINT_EVERY: '7',
  LAKEHOUSE__ERRORS__BATCH_INTERVAL: '200ms',
};

// mulberry32
let state = seed;
function random(limit) {
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) % limit;
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** The processes whose parent is `pid`, from /proc. */
function childrenOf(pid) {
  const found = [];
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      const stat = readFileSync(`/proc/${entry}/stat`, 'utf8');
      if (Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) === pid) found.push(Number(entry));
    } catch {
      // it ended meanwhile
    }
  }
  return found;
}

/** The server itself, its engine host, or one of the host's workers. */
function pickVictim(server) {
  const kind = ['server', 'host', 'worker'][random(3)];
  const hosts = childrenOf(server.pid);
  const workers = hosts.flatMap(childrenOf);
  if (kind === 'worker' && workers.length) return { kind, pid: workers[random(workers.length)] };
  if (kind === 'host' && hosts.length) return { kind, pid: hosts[0] };
  return { kind: 'server', pid: server.pid };
}

/** Clients that go on until they are told to stop.  An answer of 5xx is lawful while processes are being killed. */
function loadOn(server, ledger, cycle) {
  let going = true;
  const client = async (work) => {
    for (let i = 0; going; i++) await work(i);
  };
  const clients = [
    client((i) => ledger.put(server, `load/${cycle % 3}/a${i % 5}`, { size: 100 + (i % 4) * 30_000 })),
    client((i) => (i % 3 ? ledger.put(server, `load/b/${i % 4}`) : ledger.remove(server, `load/b/${i % 4}`))),
    client(() => ledger.upload(server, 'events')),
    client((i) => ledger.upload(server, `table_${i % 2}`)),
    client((i) => (i % 9 ? ledger.tombstone(server) : ledger.erase(server))),
    client(() => ledger.upsert(server)),
    client((i) => (i % 20 ? ledger.tell(server, 'thing') : ledger.flushEvents(server))),
    client(() => ask(server, 'POST', '/query/sql', {
      body: JSON.stringify({ sql: 'SELECT count(*), sum(range) FROM range(300000)' }),
      headers: { 'content-type': 'application/json' },
    })),
  ];
  return {
    async stop() {
      going = false;
      await Promise.all(clients);
    },
  };
}

/** A worker or the host that died costs a request at most; soon everything works. */
async function worksAgain(server) {
  for (let tries = 0; ; tries++) {
    const answer = await ask(server, 'POST', '/query/sql', {
      body: JSON.stringify({ sql: 'SELECT 42' }),
      headers: { 'content-type': 'application/json' },
    });
    if (answer.status === 200) return;
    assert.ok(tries < 50, `queries do not recover: ${answer.status} ${answer.text}`);
    await sleep(100);
  }
}

test(`nothing acknowledged is lost through ${kills} kills (seed ${seed})`, async () => {
  const dataDir = path.join(makeTemporaryFolder(), 'data');
  const ledger = new Ledger();
  const killed = { server: 0, host: 0, worker: 0 };
  let server = await startServer({ dataDir, env });
  try {
    await ledger.makePeople(server);
    for (let cycle = 1; cycle <= kills; cycle++) {
      const load = loadOn(server, ledger, cycle);
      await sleep(30 + random(250));
      const victim = pickVictim(server);
      try {
        process.kill(victim.pid, 'SIGKILL');
      } catch {
        victim.kind = 'server'; // the worker ended by itself
        process.kill(server.pid, 'SIGKILL');
      }
      killed[victim.kind]++;
      if (victim.kind !== 'server') await sleep(random(100));
      await load.stop();
      if (victim.kind === 'server') {
        await server.exited;
        server = await startServer({ dataDir, env });
      }
      await worksAgain(server);
      if (cycle % CHECK_EVERY === 0 || cycle === kills) await ledger.check(server);
    }
    assert.ok(ledger.acknowledged > kills, `only ${ledger.acknowledged} requests were acknowledged`);
  } finally {
    await server.stop();
  }
  console.log(`# killed ${JSON.stringify(killed)}, acknowledged ${ledger.acknowledged}, refused ${ledger.refused}`);
});
