// A keyed dataset under everything at once against a plain map: upserts, tombstones, compactions that run beside them and by
// themselves, vacuums, kill -9.  What was acknowledged is there, what was not acknowledged is there whole or not at all.
import assert from 'node:assert/strict';
import test from 'node:test';
import { makeTemporaryFolder, startServer } from '../lib/server.mjs';

const KEYS = 60;
const json = { 'content-type': 'application/json' };

async function ask(server, method, route, body) {
  try {
    const reply = await fetch(server.url + route, { method, body: body && JSON.stringify(body), headers: body ? json : {} });
    const text = await reply.text();
    return { status: reply.status, body: text ? JSON.parse(text) : undefined };
  } catch {
    return { status: 0 };
  }
}

/** The same numbers from the same seed. */
function numbers(seed) {
  let state = BigInt(seed);
  return (limit) => {
    state = (state * 6364136223846793005n + 1442695040888963407n) & 0xffffffffffffffffn;
    return Number((state >> 33n) % BigInt(limit));
  };
}

class Model {
  rows = new Map(); // key -> the values that may stand there; null: no row
  constructor() {
    for (let key = 0; key < KEYS; key++) this.rows.set(key, [null]);
  }
  /** An answer of 2xx makes it certain; none leaves both ends open. */
  set(answer, key, value) {
    const certain = answer.status >= 200 && answer.status < 300;
    assert.ok(certain || answer.status === 0, JSON.stringify(answer));
    this.rows.set(key, certain ? [value] : [...this.rows.get(key), value]);
  }
  async check(server) {
    const answer = await ask(server, 'POST', '/query/sql', { sql: 'SELECT id, v FROM people ORDER BY id' });
    assert.equal(answer.status, 200, JSON.stringify(answer));
    const found = new Map();
    for (const [id, v] of answer.body.rows) {
      assert.ok(!found.has(id), `the key ${id} stands twice`);
      found.set(id, v);
    }
    for (const [key, possible] of this.rows) {
      const there = found.has(key) ? found.get(key) : null;
      assert.ok(possible.includes(there), `the key ${key} has ${there}, not one of ${possible}`);
      this.rows.set(key, [there]);
    }
  }
}

async function upsert(server, model, draw, counter) {
  const keys = [...new Set(Array.from({ length: 1 + draw(6) }, () => draw(KEYS)))];
  const rows = keys.map((id) => ({ id, v: counter * 100 + id, pad: 'x'.repeat(draw(50)) }));
  const answer = await ask(server, 'POST', '/query/delta/people', rows);
  for (const row of rows) model.set(answer, row.id, row.v);
}

async function bury(server, model, draw) {
  const keys = [...model.rows].filter(([, possible]) => possible.length === 1 && possible[0] !== null).map(([key]) => key);
  if (keys.length === 0) return;
  const key = keys[draw(keys.length)];
  model.set(await ask(server, 'POST', '/catalog/datasets/people/tombstone', { row_keys: [key] }), key, null);
}

async function step(server, model, draw, counter) {
  const dice = draw(20);
  if (dice < 10) await upsert(server, model, draw, counter);
  else if (dice < 15) await bury(server, model, draw);
  else if (dice < 17) await ask(server, 'POST', '/query/compact', { dataset: 'people', full: dice === 15 });
  else if (dice < 18) await ask(server, 'POST', '/catalog/vacuum', { retention_hours: 1 });
  else await model.check(server);
}

for (const seed of [1, 2])
  test(`the rows are those of the model, seed ${seed}`, { timeout: 180_000 }, async () => {
    const draw = numbers(seed);
    const dataDir = makeTemporaryFolder();
    const env = {
      LAKEHOUSE__MAINTENANCE__INTERVAL: '100ms',
      LAKEHOUSE__MAINTENANCE__MIN_FILES: String(2 + draw(4)),
      LAKEHOUSE__MAINTENANCE__FILE_BYTES: '64KB',
      LAKEHOUSE__MAINTENANCE__DELTA_PERCENT: '60',
    };
    const model = new Model();
    let server = await startServer({ dataDir, env });
    try {
      const made = await fetch(`${server.url}/ingest/file?name=people&mode=upsert&primary_key=id&file_name=p.csv`, {
        method: 'POST',
        headers: { 'content-type': 'text/csv' },
        body: 'id,v,pad\n0,0,x\n1,1,x\n',
      });
      assert.ok(made.status < 300, await made.text());
      model.set({ status: 200 }, 0, 0);
      model.set({ status: 200 }, 1, 1);
      for (let life = 0; life < 3; life++) {
        for (let i = 0; i < 30; i++) await step(server, model, draw, life * 1000 + i + 1);
        const last = step(server, model, draw, life * 1000 + 999).catch(() => {}); // cut off in the middle
        await new Promise((resolve) => setTimeout(resolve, draw(40)));
        await server.kill9();
        await last;
        server = await startServer({ dataDir, env });
        await model.check(server);
      }
      const jobs = await ask(server, 'GET', '/jobs?kind=compact&limit=1000');
      assert.ok(jobs.body.items.some((job) => job.state === 'done' && job.result.steps > 0), 'nothing was compacted');
      assert.deepEqual(jobs.body.items.filter((job) => job.state === 'failed'), []);
    } finally {
      await server.kill9();
    }
  });
