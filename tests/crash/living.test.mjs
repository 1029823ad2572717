// A living dataset against a model of it: clients upsert, delete, restore, compact, vacuum, pin and read at random, the
// server or a process of its engine is killed at random, and after each restart the dataset is what the model says.
//
//   LAKEHOUSE_LIVING_ROUNDS=6    how many times a process is killed (100 by make torture, 1,000 by make torture-release)
//   LAKEHOUSE_LIVING_SEED=7      the same operations again; what the processes do meanwhile is theirs
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { makeTemporaryFolder, startServer } from '../lib/server.mjs';
import { ask } from './ledger.mjs';
import { Client, NAME, Rows, compareAnswers, randomStream, sleep, sql, upkeep } from './model.mjs';

const rounds = Number(process.env.LAKEHOUSE_LIVING_ROUNDS ?? 6);
const seed = Number(process.env.LAKEHOUSE_LIVING_SEED ?? (Date.now() % 100000) + 1);
const CLIENTS = 3;

function childrenOf(pid) {
  return readdirSync('/proc').filter((entry) => /^\d+$/.test(entry)).filter((entry) => {
    try {
      const stat = readFileSync(`/proc/${entry}/stat`, 'utf8');
      return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) === pid;
    } catch {
      return false; // it ended meanwhile
    }
  }).map(Number);
}

/** The server, or with a chance of one in three a process of its engine. */
function pickVictim(server, random) {
  const workers = childrenOf(server.pid).flatMap((host) => [host, ...childrenOf(host)]);
  return random(3) || workers.length === 0 ? server.pid : workers[random(workers.length)];
}

test(`a living dataset is what its model says through ${rounds} kills (seed ${seed})`, async () => {
  const dataDir = path.join(makeTemporaryFolder(), 'data');
  const env = { LAKEHOUSE__CATALOG__CHECKPOINT_EVERY: '9' };
  const random = randomStream(seed);
  const clients = Array.from({ length: CLIENTS }, (_, i) => new Client(i, CLIENTS, seed));
  const done = {};
  const total = () => clients.reduce((sum, client) => sum + client.acknowledged, 0);
  let server = await startServer({ dataDir, env });
  try {
    const made = await ask(server, 'POST', `/ingest/file?name=${NAME}&primary_key=id&file_name=start.csv`, {
      body: 'id,name,score\n0,n0-0,1\n',
      headers: { 'content-type': 'text/csv' },
    });
    assert.equal(made.status, 201, made.text);
    clients[0].possible = [new Rows(new Map([[0, [0, 'n0-0', 1]]]))];

    for (let round = 1; round <= rounds; round++) {
      let going = true;
      const run = async (work) => {
        while (going) await work();
      };
      const load = [...clients.map((client) => run(() => client.step(server))), run(() => upkeep(server, random, done))];
      const enough = total() + 5 + random(12); // however slow the machine is, some work is done between two kills
      for (let waited = 0; total() < enough && waited < 8000; waited += 20) await sleep(20);
      const victim = pickVictim(server, random);
      try {
        process.kill(victim, 'SIGKILL');
      } catch {
        // the worker ended by itself
      }
      if (victim !== server.pid) await sleep(random(200));
      going = false;
      await Promise.all(load);
      if (victim === server.pid) {
        await server.exited;
        server = await startServer({ dataDir, env });
      }
      for (let tries = 0; (await sql(server, 'SELECT 42')).status !== 200; tries++) {
        assert.ok(tries < 50, 'queries do not recover');
        await sleep(100);
      }
      for (const client of clients) await client.look(server, { mustAnswer: true });
      await compareAnswers(server, clients);
      for (const client of clients) await client.lookBack(server);
    }
    const acknowledged = total();
    assert.ok(acknowledged > 3 * rounds, `only ${acknowledged} changes were acknowledged`);
    console.log(`# killed ${rounds}, acknowledged ${acknowledged}, upkeep ${JSON.stringify(done)}`);
  } finally {
    await server.stop();
  }
});
