// The Nth allocation of the server finds no memory: it ends there, and what it had acknowledged is there when it has started again.
// Five scenarios, each hit at places spread evenly over all the allocations that it makes.
//
// Needs a program with the faults compiled in (the debug preset): $LAKEHOUSE_FAULT_BIN, or build/debug/bin/lakehouse.
//   LAKEHOUSE_MEMORY_PLACES=40  places in each scenario (make torture-release)
import assert from 'node:assert/strict';
import { cpSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { makeTemporaryFolder, removeFolder, root, startServer } from '../lib/server.mjs';
import { Ledger } from './ledger.mjs';

const program = path.resolve(root, process.env.LAKEHOUSE_FAULT_BIN ?? 'build/debug/bin/lakehouse');
const places = Number(process.env.LAKEHOUSE_MEMORY_PLACES ?? 4);

const env = {
  LAKEHOUSE__CATALOG__CHECKPOINT_EVERY: '2',
  LAKEHOUSE__ERRORS__BATCH_INTERVAL: '1h',
  LAKEHOUSE__JOURNAL__FLUSH_INTERVAL: '1h',
};

const scenarios = {
  'the start': async () => {},
  objects: async (server, ledger, folder) => {
    await ledger.put(server, 'a');
    await ledger.put(server, 'deep/er/b', { size: 70_000 });
    await ledger.remove(server, 'a');
    await ledger.useBucket(server, 'other', path.join(folder, 'other'));
    await ledger.makeKey(server);
  },
  uploads: async (server, ledger) => {
    await ledger.upload(server, 'shared');
    await ledger.upload(server, 'own');
    await ledger.read(server);
  },
  rows: async (server, ledger) => {
    await ledger.upsert(server);
    await ledger.tombstone(server);
    await ledger.erase(server);
    await ledger.upsert(server);
  },
  upkeep: async (server, ledger) => {
    await ledger.tell(server, 'thing');
    await ledger.flushEvents(server);
    await ledger.maintain(server, 'people', 'shared');
    await ledger.tidyErrors(server);
  },
};

const start = (dataDir, allocation) =>
  startServer({ dataDir, program, env: { ...env, ...(allocation && { LAKEHOUSE_FAULT_ALLOCATION: String(allocation) }) } });

async function makePast() {
  const folder = makeTemporaryFolder();
  const ledger = new Ledger();
  const server = await start(path.join(folder, 'data'));
  await ledger.makePeople(server);
  for (const name of ['objects', 'uploads', 'rows']) await scenarios[name](server, ledger, folder);
  assert.equal(ledger.refused, 0);
  await server.kill9();
  return { folder, ledger };
}

/** On a copy of the past; returns what `use` does. */
async function onCopy(past, use) {
  const folder = makeTemporaryFolder();
  cpSync(path.join(past.folder, 'data'), path.join(folder, 'data'), { recursive: true });
  try {
    return await use(path.join(folder, 'data'), past.ledger.fork(), folder);
  } finally {
    removeFolder(folder);
  }
}

/** How many allocations a life with this scenario makes. */
function countAllocations(past, scenario) {
  return onCopy(past, async (data, ledger, folder) => {
    const server = await start(data, 'count');
    await scenario(server, ledger, folder);
    await server.stop();
    return Number(/^(\d+) allocations$/m.exec(server.logs)[1]);
  });
}

/** A life that ends at an allocation, if it comes so far, and one without; did it? */
function runOutOfMemory(past, scenario, allocation) {
  return onCopy(past, async (data, ledger, folder) => {
    let ended = false;
    try {
      const server = await start(data, allocation);
      await scenario(server, ledger, folder);
      ended = server.logs.includes('lakehouse: out of memory');
      if (ended) await server.exited;
      else await server.kill9();
    } catch (error) {
      if (!error.message.includes('lakehouse: out of memory')) throw error;
      ended = true; // before it was ready
    }
    const server = await start(data);
    try {
      await ledger.check(server);
      assert.ok(await ledger.upload(server, 'shared'), 'a server with memory takes uploads');
    } finally {
      await server.stop();
    }
    return ended;
  });
}

test('what was acknowledged survives the end of memory', async (t) => {
  const past = await makePast();
  const startUp = await countAllocations(past, scenarios['the start']);
  await Promise.all(
    Object.entries(scenarios).map(([name, scenario]) =>
      t.test(name, async (st) => {
        const from = name === 'the start' ? 0 : startUp;
        const to = name === 'the start' ? startUp : await countAllocations(past, scenario);
        assert.ok(to > from, `${to} allocations, ${from} of them before the scenario`);
        let ends = 0;
        for (let i = 0; i < places; i++)
          ends += await runOutOfMemory(past, scenario, from + Math.ceil(((to - from) * (i + 0.5)) / places));
        assert.ok(ends * 2 >= places, `memory ended in ${ends} of ${places} lives`);
        st.diagnostic(`${to - from} allocations, memory ended in ${ends} of ${places} lives`);
      }),
    ),
  );
});
