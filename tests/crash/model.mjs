// A plain model of one keyed dataset, and clients that change both alike: upserts, deletes, restores, looks at now and at the past.
// Each client has keys of its own, so that its model is exact however the clients' requests interleave.  A request without an
// answer leaves two possible states, the one before and the one after; looking decides between them.
import assert from 'node:assert/strict';
import { ask } from './ledger.mjs';

const KEYS_EACH = 25;
export const NAME = 'people'; // the dataset

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// mulberry32, one stream for each client
export function randomStream(from) {
  let state = from;
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % limit;
  };
}

export const post = (server, route, body) =>
  ask(server, 'POST', route, { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } });

export const sql = (server, text, more = {}) => post(server, '/query/sql', { sql: text, ...more });

/** One client's rows: live ones, and those it has deleted since the last compaction, by id. */
export class Rows {
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

export class Client {
  /** Of `clients` in all: its keys are those of id % clients = number. */
  constructor(number, clients, seed) {
    this.number = number;
    this.clients = clients;
    this.random = randomStream(seed * 31 + number);
    this.possible = [new Rows()]; // what the dataset may hold of this client; one state where nothing is open
    this.past = []; // [version, text]
    this.counter = 0;
    this.acknowledged = 0;
  }

  #id() {
    return this.random(KEYS_EACH) * this.clients + this.number;
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
    const answer = await sql(server, `SELECT id, name, score FROM ${NAME} WHERE id % ${this.clients} = ${this.number} ORDER BY id`, { limit: 100000 });
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
    const answer = await sql(server, `SELECT id, name, score FROM ${NAME} WHERE id % ${this.clients} = ${this.number} ORDER BY id`, { as_of: version, limit: 100000 });
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
export async function upkeep(server, random, done) {
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

/** The same answers from the dataset and from its rows written out in the statement. */
export async function compareAnswers(server, clients) {
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
