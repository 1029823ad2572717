// A living dataset against a model of it: clients upsert, delete, restore, compact, vacuum, pin and read at random, the
// server or a process of its engine is killed at random, and after each restart the dataset is what the model says.
//
//   LAKEHOUSE_LIVING_ROUNDS=6    how many times a process is killed (100 by make torture, 1,000 by make torture-release)
//   LAKEHOUSE_LIVING_SEED=7      the same operations again; what the processes do meanwhile is theirs
//
// Each client has keys of its own (id % CLIENTS), so that its model is exact however the clients' requests interleave.  A
// request without an answer leaves two possible states, the one before and the one after; looking decides between them.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { makeTemporaryFolder, startServer } from '../lib/server.mjs';
import { ask } from './ledger.mjs';

const rounds = Number(process.env.LAKEHOUSE_LIVING_ROUNDS ?? 6);
const seed = Number(process.env.LAKEHOUSE_LIVING_SEED ?? (Date.now() % 100000) + 1);
const CLIENTS = 3;
const KEYS_EACH = 25;
const NAME = 'people';

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// mulberry32, one stream for each client
function randomStream(from) {
  let state = from;
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % limit;
  };
}

const post = (server, route, body) =>
  ask(server, 'POST', route, { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } });

const sql = (server, text, more = {}) => post(server, '/query/sql', { sql: text, ...more });

/** One client's rows: live ones, and those it has deleted since the last compaction, by id. */
class Rows {
  constructor(live = new Map(), gone = new Map()) {
    this.live = live;
    this.gone = gone;
  }
  copy() {
    return new Rows(new Map(this.live), new Map(this.gone));
  }
  text() {
    return JSON.stringify([...this.live.values()].sort((a, b) => a[0] - b[0]));
  }
}

class Client {
  constructor(number) {
    this.number = number;
    this.random = randomStream(seed * 31 + number);
    this.possible = [new Rows()]; // what the dataset may hold of this client; one state where nothing is open
    this.past = []; // [version, text]
    this.counter = 0;
    this.acknowledged = 0;
  }

  #id() {
    return this.random(KEYS_EACH) * CLIENTS + this.number;
  }

  /** Applies `change` where the answer says so; otherwise the change may have happened or not. */
  #settle(answer, change, what) {
    if (answer.status >= 200 && answer.status < 300) {
      this.acknowledged++;
      this.possible.forEach(change);
      const version = answer.json?.version;
      if (version && this.possible.length === 1) this.past.push([version, this.possible[0].text()]);
      return;
    }
    assert.ok(answer.status === 0 || answer.status >= 500, `${what}: ${answer.status} ${answer.text}`);
    const after = this.possible.map((rows) => rows.copy());
    after.forEach(change);
    this.possible.push(...after);
  }

  async upsert(server) {
    const batch = [];
    for (let i = 0, count = 1 + this.random(6); i < count; i++) {
      const id = this.#id();
      batch.push({ id, name: `n${this.number}-${++this.counter}`, score: this.random(1000) });
    }
    const change = (rows) => {
      for (const row of batch) {
        rows.live.set(row.id, [row.id, row.name, row.score]);
        rows.gone.delete(row.id);
      }
    };
    if (this.random(4)) {
      this.#settle(await post(server, `/query/delta/${NAME}`, batch), change, 'upsert');
      return;
    }
    const csv = ['id,name,score', ...batch.map((row) => `${row.id},${row.name},${row.score}`), ''].join('\n');
    const answer = await ask(server, 'POST', `/ingest/file?name=${NAME}&mode=upsert&file_name=c${this.number}-${this.counter}.csv`, {
      body: csv,
      headers: { 'content-type': 'text/csv' },
    });
    this.#settle(answer, change, 'upsert of a file');
  }

  async tombstone(server) {
    const ids = [...new Set([this.#id(), this.#id()])];
    const change = (rows) => {
      for (const id of ids) {
        if (!rows.live.has(id)) continue;
        rows.gone.set(id, rows.live.get(id));
        rows.live.delete(id);
      }
    };
    const answer = await post(server, `/catalog/datasets/${NAME}/tombstone`, { row_keys: ids, reason: 'asked to be forgotten', actor: 'model' });
    this.#settle(answer, change, 'tombstone');
  }

  /** A compaction may have come between: then it is refused, and nothing has changed. */
  async untombstone(server) {
    const [rows] = this.possible;
    if (this.possible.length > 1 || rows.gone.size === 0) return;
    const id = [...rows.gone.keys()][this.random(rows.gone.size)];
    const answer = await post(server, `/catalog/datasets/${NAME}/untombstone`, { row_keys: [id] });
    if (answer.status === 409 || answer.status === 404) {
      for (const state of this.possible) state.gone.delete(id);
      return;
    }
    this.#settle(answer, (state) => {
      if (!state.gone.has(id)) return;
      state.live.set(id, state.gone.get(id));
      state.gone.delete(id);
    }, 'untombstone');
  }

  /** Everything that this client may read is one of its possible states; which one is known from then on. */
  async look(server, { mustAnswer = false } = {}) {
    const answer = await sql(server, `SELECT id, name, score FROM ${NAME} WHERE id % ${CLIENTS} = ${this.number} ORDER BY id`, { limit: 100000 });
    if (answer.status !== 200) {
      assert.ok(!mustAnswer && (answer.status === 0 || answer.status >= 500), `reading: ${answer.status} ${answer.text}`);
      return;
    }
    const found = JSON.stringify(answer.json.rows);
    const fitting = this.possible.filter((rows) => rows.text() === found);
    assert.ok(fitting.length, `client ${this.number} reads ${found}\nand not one of\n${this.possible.map((rows) => rows.text()).join('\n')}`);
    this.possible = [fitting.at(-1)];
  }

  /** The past stays as it was, or says that it has been vacuumed. */
  async lookBack(server) {
    if (this.past.length === 0) return;
    const [version, expected] = this.past[this.random(this.past.length)];
    const answer = await sql(server, `SELECT id, name, score FROM ${NAME} WHERE id % ${CLIENTS} = ${this.number} ORDER BY id`, { as_of: version, limit: 100000 });
    if (answer.status === 200) assert.equal(JSON.stringify(answer.json.rows), expected, `version ${version}`);
    else assert.ok(answer.status === 0 || answer.status >= 500 || answer.status === 410, `version ${version}: ${answer.status} ${answer.text}`);
  }

  async step(server) {
    const dice = this.random(20);
    if (dice < 9) await this.upsert(server);
    else if (dice < 13) await this.tombstone(server);
    else if (dice < 15) await this.untombstone(server);
    else if (dice < 18) await this.look(server);
    else await this.lookBack(server);
  }
}

/** Upkeep beside the clients: nothing of it may change what anybody reads. */
async function upkeep(server, random, done) {
  const wanted = [
    ['/query/compact', { dataset: NAME }],
    ['/query/compact', { dataset: NAME }],
    ['/catalog/vacuum', { dry_run: false, retention_hours: 1 }],
    ['/query/cache/pin', { dataset: NAME }],
    ['/query/cache/evict', { dataset: NAME }],
  ][random(5)];
  const answer = await post(server, ...wanted);
  assert.ok([0, 404, 409, 429].includes(answer.status) || answer.status >= 500 || answer.status < 300, `${wanted[0]}: ${answer.status} ${answer.text}`);
  if (answer.status >= 200 && answer.status < 300) done[wanted[0]] = (done[wanted[0]] ?? 0) + 1;
  await sleep(100 + random(300));
}

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

/** The same answers from the dataset and from its rows written out in the statement. */
async function compareAnswers(server, clients) {
  const rows = clients.flatMap((client) => [...client.possible[0].live.values()]);
  const values = rows.length
    ? `(VALUES ${rows.map(([id, name, score]) => `(${id}, '${name}', ${score})`).join(', ')}) AS t(id, name, score)`
    : '(SELECT 1 AS id, NULL AS name, 1 AS score WHERE false) AS t';
  const statements = [
    (source) => `SELECT count(*), sum(id), sum(score), min(name), max(name) FROM ${source}`,
    (source) => `SELECT id, name FROM ${source} WHERE score > 500 ORDER BY id`,
    (source) => `SELECT id % 5 AS g, count(*), max(score) FROM ${source} GROUP BY 1 ORDER BY 1`,
    (source) => `SELECT name FROM ${source} WHERE id = ${rows[0]?.[0] ?? 1}`,
    (source) => `SELECT a.id FROM ${source} a JOIN ${source} b ON b.id = a.id + 1 ORDER BY 1`,
    (source) => `SELECT DISTINCT score FROM ${source} ORDER BY 1 DESC LIMIT 10`,
  ];
  for (const statement of statements) {
    const text = statement('source');
    const ours = await sql(server, `WITH source AS (FROM ${NAME}) ${text}`, { limit: 100000 });
    const theirs = await sql(server, `WITH source AS (SELECT * FROM ${values}) ${text}`, { limit: 100000 });
    assert.equal(ours.status, 200, ours.text);
    assert.equal(theirs.status, 200, theirs.text);
    assert.deepEqual(ours.json.rows, theirs.json.rows, text);
  }
}

test(`a living dataset is what its model says through ${rounds} kills (seed ${seed})`, async () => {
  const dataDir = path.join(makeTemporaryFolder(), 'data');
  const env = { LAKEHOUSE__CATALOG__CHECKPOINT_EVERY: '9' };
  const random = randomStream(seed);
  const clients = Array.from({ length: CLIENTS }, (_, i) => new Client(i));
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
