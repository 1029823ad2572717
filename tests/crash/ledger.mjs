// What a client knows of a lake: every change it asked for and every answer it got.  The oracle of the crash tests.
//
// An answer of 2xx makes a change certain.  No answer, or one of 5xx, leaves it open: the change may be there or not, whole
// in either case; looking at it after a restart decides, and from then on it is certain too.  Every upload has an
// Idempotency-Key and is sent again after a restart; it must then be there once.
import assert from 'node:assert/strict';

const CSV_ROWS = 40;
const VALUES = 11;
const ROWS = 30; // of the dataset whose rows go and come back
const FIRST_ERASABLE = 1000; // from here on are rows that are erased, each at most once
const ERASABLE = 300;

/** One request.  {status, json?, text?}; status 0: no answer (the server is gone).  server.patienceMs: how long an answer may take. */
export async function ask(server, method, path, { body, headers, timeoutMs = server.patienceMs ?? 60_000 } = {}) {
  try {
    const answer = await fetch(server.url + path, { method, body, headers, signal: AbortSignal.timeout(timeoutMs) });
    const text = await answer.text();
    const isJson = answer.headers.get('content-type')?.includes('json');
    return { status: answer.status, text, json: isJson && text ? JSON.parse(text) : undefined };
  } catch (error) {
    if (error.name === 'TimeoutError') throw new Error(`${method} ${path} had no answer in ${timeoutMs} ms`);
    return { status: 0, text: String(error) };
  }
}

const succeeded = (answer) => answer.status >= 200 && answer.status < 300;

export class Ledger {
  #objects = new Map(); // key -> [possible text or null]
  #uploads = new Map(); // name -> {dataset, sent, certain, seen}
  #keys = new Map(); // id -> [possible 'valid' or 'revoked']
  #failures = new Set(); // what the error journal has shown
  #rows = new Map(); // id of a row of `people` -> [possible 'there' or 'gone']
  #erased = 0; // how many rows were meant to be
  #forgotten = new Set(); // ids of rows whose erasure was acknowledged
  #values = new Map(); // key of `kv` -> [possible values; null: not there]
  #keyed = false; // `kv` is certain to exist
  #indexes = new Set(); // names that were acknowledged
  #tuned = new Map(); // index -> { trials: ids that were acknowledged, promoted: the one of these that is in effect }
  #events = new Map(); // entity -> [possible values of its `n`]
  #counter = 0;
  /** Answers of 2xx since the beginning. */
  acknowledged = 0;
  /** Requests that a running server refused with 5xx. */
  refused = 0;

  /** Notes an answer; true where the change is certain.  Anything but 2xx, 5xx and no answer is a bug. */
  #settle(answer, what) {
    if (succeeded(answer)) {
      this.acknowledged++;
      return true;
    }
    assert.ok(answer.status === 0 || answer.status >= 500, `${what}: ${answer.status} ${answer.text}`);
    if (answer.status >= 500) {
      this.refused++;
      assert.ok(answer.json?.code, `${what} was refused without a code: ${answer.text}`);
    }
    return false;
  }

  // ---- changes ----

  async put(server, key, { size = 200, fresh = false } = {}) {
    const text = `${key}#${++this.#counter}`.padEnd(size, '.');
    const before = this.#objects.get(key) ?? [null];
    if (fresh && before.some((value) => value !== null)) return;
    const headers = fresh ? { 'if-none-match': '*' } : {};
    const answer = await ask(server, 'PUT', `/storage/objects/${key}`, { body: text, headers });
    this.#objects.set(key, this.#settle(answer, `put ${key}`) ? [text] : [...before, text]);
  }

  async remove(server, key) {
    const before = this.#objects.get(key) ?? [null];
    const answer = await ask(server, 'DELETE', `/storage/objects/${key}`);
    if (answer.status === 404 && before.includes(null)) this.#objects.set(key, [null]);
    else this.#objects.set(key, this.#settle(answer, `delete ${key}`) ? [null] : [...before, null]);
  }

  /** CSV with unique ids and two lines that cannot be used. */
  async upload(server, dataset, name = `${dataset}-${++this.#counter}`) {
    const upload = this.#uploads.get(name) ?? { dataset, certain: false };
    const rows = Array.from({ length: CSV_ROWS }, (_, i) => `${name},${i},${i * 3}`);
    const csv = ['upload,id,n', ...rows, 'too,many,fields,here', ''].join('\n');
    this.#uploads.set(name, upload);
    const answer = await ask(server, 'POST', `/ingest/file?name=${dataset}&mode=append&file_name=${name}.csv`, {
      body: csv,
      headers: { 'content-type': 'text/csv', 'idempotency-key': name },
    });
    if (this.#settle(answer, `upload ${name}`)) {
      assert.equal(answer.json.row_count, CSV_ROWS, `upload ${name}: ${answer.text}`);
      upload.certain = true;
    }
    return upload.certain;
  }

  async makeKey(server) {
    const made = await ask(server, 'POST', '/access/keys', {
      body: JSON.stringify({ role: 'analyst', name: 'crash' }),
      headers: { 'content-type': 'application/json' },
    });
    if (!this.#settle(made, 'making a key')) return;
    const id = made.json.id;
    this.#keys.set(id, ['valid']);
    const revoked = await ask(server, 'DELETE', `/access/keys/${id}`);
    this.#keys.set(id, this.#settle(revoked, 'revoking a key') ? ['revoked'] : ['valid', 'revoked']);
  }

  /** A bucket of its own, used and forgotten. */
  async useBucket(server, name, root) {
    const headers = { 'content-type': 'application/json' };
    const body = JSON.stringify({ name, root });
    if (!this.#settle(await ask(server, 'POST', '/storage/buckets', { body, headers }), 'adding a bucket')) return;
    this.#settle(await ask(server, 'PUT', `/storage/buckets/${name}/objects/x`, { body: 'x' }), 'writing to it');
    this.#settle(await ask(server, 'DELETE', `/storage/buckets/${name}`), 'forgetting it');
  }

  /** A write that the storage cannot take, so that the error journal has something to keep. */
  async provokeFailure(server, bucket) {
    const key = `failure-${++this.#counter}`;
    const answer = await ask(server, 'PUT', `/storage/buckets/${bucket}/objects/${key}`, { body: 'x' });
    assert.ok(answer.status === 0 || answer.status >= 500, `a write to a lost bucket: ${answer.status}`);
    await this.#look(server);
  }

  async tidyErrors(server) {
    const headers = { 'content-type': 'application/json' };
    for (const what of ['flush', 'compact'])
      this.#settle(await ask(server, 'POST', `/storage/errors/${what}`, { body: '{}', headers }), what);
  }

  /** A dataset with a primary key and ROWS rows; only on a server that works. */
  async makePeople(server) {
    const ids = Array.from({ length: ROWS }, (_, i) => i);
    const made = await ask(server, 'POST', '/ingest/file?name=people&mode=create&file_name=people.csv', {
      body: `id,mail\n${[...ids, ...Array.from({ length: ERASABLE }, (_, i) => FIRST_ERASABLE + i)].map((id) => `${id},p${id}@example.com`).join('\n')}\n`,
      headers: { 'content-type': 'text/csv' },
    });
    assert.ok(succeeded(made), made.text);
    const keyed = await ask(server, 'PATCH', '/catalog/datasets/by-name/people/metadata', {
      body: JSON.stringify({ primary_key: ['id'] }),
      headers: { 'content-type': 'application/json' },
    });
    assert.ok(succeeded(keyed), keyed.text);
    for (const id of ids) this.#rows.set(id, ['there']);
  }

  /** A new index over the people, and the end of its first build, whatever it is. */
  async index(server) {
    const name = `people-${++this.#counter}`;
    const body = JSON.stringify({ name, dataset: 'people', id_column: 'id', text_column: 'mail' });
    const made = await ask(server, 'POST', '/vectors/index', { body, headers: { 'content-type': 'application/json' } });
    if (!this.#settle(made, `index ${name}`)) return;
    this.#indexes.add(name);
    await this.#jobEnd(server, made.json.job_id);
  }

  /** Two trials of the newest index, both promoted, the second one taken back. */
  async tune(server) {
    const index = [...this.#indexes].at(-1);
    const looked = index && (await ask(server, 'GET', `/vectors/indexes/${index}`));
    if (!looked?.json?.ready) return; // its first build met the fault
    const headers = { 'content-type': 'application/json' };
    const post = (path, body) =>
      ask(server, 'POST', `/vectors/hnsw/${path}`, body === undefined ? {} : { body: JSON.stringify(body), headers });
    this.#settle(await post(`evals/${index}/autogen`, { index, queries: 5, k: 3 }), `an eval set of ${index}`);
    const tuned = this.#tuned.get(index) ?? { trials: new Set(), promoted: [null] };
    this.#tuned.set(index, tuned);
    for (const ef of [20, 40]) {
      const made = await post('trial?wait=60', { index, ef_construction: ef, ef_search: ef });
      if (!this.#settle(made, `a trial of ${index}`)) return;
      if (!made.json.job.result) return; // slow
      const { id } = made.json.job.result.trial;
      tuned.trials.add(id);
      const before = tuned.promoted;
      tuned.promoted = [...before, id];
      if (!this.#settle(await post(`promote/${index}/${id}`), `promoting ${id} of ${index}`)) return;
      tuned.promoted = [id];
      if (ef === 20) continue;
      tuned.promoted = [...before, id];
      if (this.#settle(await post(`rollback/${index}`), `rolling ${index} back`)) tuned.promoted = before;
    }
    await this.#builtAsPromoted(server, index, 200);
  }

  async #builtAsPromoted(server, index, most) {
    for (let tries = 0; tries < most; tries++) {
      const answer = await ask(server, 'GET', `/vectors/hnsw/promoted/${index}`);
      if (answer.status !== 200 || answer.json.state !== 'building') return answer;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return ask(server, 'GET', `/vectors/hnsw/promoted/${index}`);
  }

  async #checkTuned(server, index) {
    const promoted = await this.#builtAsPromoted(server, index, 1500);
    assert.equal(promoted.status, 200, promoted.text);
    assert.notEqual(promoted.json.state, 'building', `${index} is never built as promoted`);
    const tuned = this.#tuned.get(index);
    if (!tuned) return;
    const trial = promoted.json.promotion?.trial ?? null;
    assert.ok(tuned.promoted.includes(trial), `${index}: ${trial} is promoted, not one of ${tuned.promoted}`);
    tuned.promoted = [trial];
    const listed = await ask(server, 'GET', `/vectors/hnsw/trials/${index}`);
    assert.equal(listed.status, 200, listed.text);
    const ids = listed.json.items.map((item) => item.id);
    for (const id of tuned.trials) assert.ok(ids.includes(id), `trial ${id} of ${index} is lost`);
    const steps = listed.json.items.map((item) => `${item.job} ${item.step}`);
    assert.equal(new Set(steps).size, steps.length, 'a step was written down twice');
    if (trial === null) return;
    const { settings } = listed.json.items.find((item) => item.id === trial);
    assert.deepEqual(promoted.json.serving, { ...settings, backend: 'hnsw' });
  }

  async #jobEnd(server, id) {
    for (let tries = 0; tries < 400; tries++) {
      const job = await ask(server, 'GET', `/vectors/jobs/${id}`);
      if (job.status !== 200 || ['done', 'failed', 'cancelled'].includes(job.json.state)) return job;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`the job ${id} does not end`);
  }

  async #moveRows(server, verb, ids, end) {
    const answer = await ask(server, 'POST', `/catalog/datasets/people/${verb}`, {
      body: JSON.stringify({ row_keys: ids }),
      headers: { 'content-type': 'application/json' },
    });
    const nothing = answer.status === 409; // none of them has a tombstone: an earlier one of unknown end was not there
    const certain = !nothing && this.#settle(answer, `${verb} ${ids}`);
    if (!nothing) for (const id of ids) this.#rows.set(id, certain ? [end] : [...new Set([...this.#rows.get(id), end])]);
  }

  /** Rows away, and some of them back. */
  /** Rows are checked by SQL afterwards: hot or not must make no difference. */
  async pin(server) {
    this.#settle(await ask(server, 'POST', '/query/cache/pin', {
      body: JSON.stringify({ dataset: 'people', wait: true }),
      headers: { 'content-type': 'application/json' },
    }), 'a pin');
  }

  async tombstone(server) {
    const first = (3 * ++this.#counter) % ROWS;
    const ids = [first, (first + 1) % ROWS, (first + 2) % ROWS];
    await this.#moveRows(server, 'tombstone', ids, 'gone');
    await this.#moveRows(server, 'untombstone', ids.slice(1), 'there');
  }

  /** A row for good: its old events lose its name. */
  async erase(server) {
    const id = FIRST_ERASABLE + this.#erased++;
    if (id >= FIRST_ERASABLE + ERASABLE) return;
    for (const erase of [false, true]) {
      this.#rows.set(id, [...new Set([...(this.#rows.get(id) ?? ['there']), 'gone'])]);
      if (erase) await this.#moveRows(server, 'untombstone', [id], 'there');
      const answer = await ask(server, 'POST', '/catalog/datasets/people/tombstone', {
        body: JSON.stringify({ row_keys: [id], erase }),
        headers: { 'content-type': 'application/json' },
      });
      const certain = this.#settle(answer, `erasing ${id}`);
      if (certain) this.#rows.set(id, ['gone']);
      if (erase && certain && answer.json.tombstoned === 1) this.#forgotten.add(id);
    }
  }

  /** Rows for a few keys of `kv`, by a file (which makes the dataset) or in the request; of a key that stands twice the last counts. */
  async upsert(server) {
    const n = ++this.#counter;
    const keys = [...new Set([n % VALUES, (n * 3 + 1) % VALUES, (n * 5 + 2) % VALUES])];
    const rows = [[keys[0], -n], ...keys.map((key) => [key, n])];
    const answer = this.#keyed && n % 3
      ? await ask(server, 'POST', '/query/delta/kv', {
        body: JSON.stringify(rows.map(([k, v]) => ({ k, v }))),
        headers: { 'content-type': 'application/json' },
      })
      : await ask(server, 'POST', '/ingest/file?name=kv&mode=upsert&primary_key=k&file_name=kv.csv', {
        body: `k,v\n${rows.map((row) => row.join(',')).join('\n')}\n`,
        headers: { 'content-type': 'text/csv' },
      });
    const certain = this.#settle(answer, `upsert ${keys}`);
    this.#keyed ||= certain;
    for (const key of keys) this.#values.set(key, certain ? [n] : [...(this.#values.get(key) ?? [null]), n]);
  }

  /** An event of an entity of its own. */
  async tell(server, entity) {
    const n = ++this.#counter;
    const answer = await ask(server, 'POST', '/journal/event', {
      body: JSON.stringify({ entity_type: 'thing', entity_id: entity, action: 'update', new_value: { n } }),
      headers: { 'content-type': 'application/json' },
    });
    const told = this.#events.get(entity) ?? [];
    this.#events.set(entity, [...told, { n, certain: this.#settle(answer, `event ${n}`) }]);
  }

  async flushEvents(server) {
    const headers = { 'content-type': 'application/json' };
    this.#settle(await ask(server, 'POST', '/journal/flush', { body: '{}', headers }), 'flushing the journal');
  }

  /** A job from its request to its end, or to that of the server; it may fail like any other request. */
  async #runJob(server, path, body) {
    const headers = { 'content-type': 'application/json' };
    const started = await ask(server, 'POST', path, { body: JSON.stringify(body), headers });
    if (started.status === 409 || !this.#settle(started, path)) return;
    for (let tries = 0; tries < 400; tries++) {
      const job = await ask(server, 'GET', `/jobs/${started.json.job_id}`);
      if (job.status === 0) return;
      assert.equal(job.status, 200, job.text);
      if (!['queued', 'running', 'waiting'].includes(job.json.state)) return;
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    assert.fail(`the job of ${path} did not end`);
  }

  /** Fewer files, and no past; the rows stay. */
  async maintain(server, ...datasets) {
    for (const dataset of datasets) await this.#runJob(server, '/query/compact', { dataset });
    await this.#runJob(server, '/catalog/vacuum', { retention_hours: 0 });
  }

  async #look(server) {
    const answer = await ask(server, 'GET', '/storage/errors?limit=1000');
    if (!this.#settle(answer, 'reading the error journal')) return new Set();
    const shown = answer.json.items.map((item) => JSON.stringify(item)); // each has its own time
    assert.equal(new Set(shown).size, shown.length, 'a failure is in the journal twice');
    for (const item of shown) this.#failures.add(item);
    return new Set(shown);
  }

  /** Reads that may fail like any other request, and must not lie. */
  async read(server) {
    for (const [key, possible] of [...this.#objects].slice(-4)) {
      const answer = await ask(server, 'GET', `/storage/objects/${key}`);
      if (succeeded(answer)) assert.ok(possible.includes(answer.text), `${key} reads ${answer.text.slice(0, 60)}`);
    }
    this.#settle(await ask(server, 'GET', '/storage/objects?prefix='), 'listing');
    this.#settle(await ask(server, 'GET', '/access/keys'), 'listing the keys');
    this.#settle(await ask(server, 'GET', '/journal/history/thing'), 'a history');
    this.#settle(await this.#query(server, 'SELECT 1'), 'SELECT 1');
  }

  #query(server, sql) {
    return ask(server, 'POST', '/query/sql', {
      body: JSON.stringify({ sql }),
      headers: { 'content-type': 'application/json' },
    });
  }

  // ---- the oracle: on a server that works ----

  /** Everything certain is there, whole, once; the rest becomes certain by being looked at, or by being asked for again. */
  async check(server) {
    await this.#checkObjects(server);
    await this.#checkUploads(server);
    for (const [name, upload] of this.#uploads)
      if (!upload.certain) assert.ok(await this.upload(server, upload.dataset, name), `${name} cannot be sent again`);
    await this.#checkUploads(server);
    await this.#checkKeys(server);
    await this.#checkRows(server);
    await this.#checkValues(server);
    await this.#checkIndexes(server);
    await this.#checkEvents(server);
    await this.#checkForgotten(server);
    const shown = new Set([...this.#failures]);
    const now = await this.#look(server);
    for (const item of shown) assert.ok(now.has(item), `${item} is gone from the error journal`);
    const ready = await ask(server, 'GET', '/ready');
    assert.equal(ready.status, 200, ready.text);
  }

  async #checkObjects(server) {
    const listed = new Map();
    for (let token = ''; ; ) {
      const page = await ask(server, 'GET', `/storage/objects?limit=1000${token && `&page_token=${encodeURIComponent(token)}`}`);
      assert.equal(page.status, 200, page.text);
      for (const item of page.json.items) listed.set(item.key, item.size_bytes);
      token = page.json.next_page_token;
      if (!token) break;
    }
    for (const [key, possible] of this.#objects) {
      const answer = await ask(server, 'GET', `/storage/objects/${key}`);
      assert.ok(answer.status === 200 || answer.status === 404, `${key}: ${answer.status} ${answer.text}`);
      const found = answer.status === 200 ? answer.text : null;
      assert.ok(possible.includes(found), `${key} holds ${found?.slice(0, 60)}, not one of ${possible.map((p) => p?.slice(0, 60))}`);
      assert.equal(listed.get(key), found?.length, `the listing of ${key}`);
      this.#objects.set(key, [found]);
    }
  }

  async #checkUploads(server) {
    const found = new Map();
    for (const dataset of new Set([...this.#uploads.values()].map((upload) => upload.dataset))) {
      const answer = await this.#query(server, `SELECT upload, count(*) AS n, count(DISTINCT id) AS d FROM "${dataset}" GROUP BY 1`);
      if (answer.status === 200) for (const [name, n, d] of answer.json.rows) found.set(name, { n, d });
      else assert.match(answer.text, /not_found|does not exist|no dataset/i, `${dataset}: ${answer.status} ${answer.text}`);
    }
    for (const [name, upload] of this.#uploads) {
      const there = found.get(name);
      if (upload.certain || upload.seen) assert.ok(there, `the upload ${name} is lost`);
      if (there) assert.deepEqual(there, { n: CSV_ROWS, d: CSV_ROWS }, `the upload ${name} is not there once and whole`);
      upload.seen ||= Boolean(there);
      found.delete(name);
    }
    assert.deepEqual([...found.keys()], [], 'rows that nobody sent');
  }

  /** Every row is there or gone as it was left, and its last event says the same. */
  async #checkRows(server) {
    if (this.#rows.size === 0) return;
    const answer = await this.#query(server, 'SELECT id FROM people');
    assert.equal(answer.status, 200, answer.text);
    const there = new Set(answer.json.rows.map(([id]) => id));
    assert.equal(there.size, answer.json.rows.length, 'a row stands twice');
    for (const [id, possible] of this.#rows) {
      const now = there.has(id) ? 'there' : 'gone';
      assert.ok(possible.includes(now), `row ${id} is ${now}, not ${possible}`);
      this.#rows.set(id, [now]);
      if (id >= FIRST_ERASABLE) continue;
      const told = await ask(server, 'GET', `/journal/history/${id}?dataset=people`);
      assert.equal(told.status, 200, told.text);
      const last = told.json.items.at(-1)?.action ?? 'untombstone';
      assert.equal(last, now === 'gone' ? 'tombstone' : 'untombstone', `the history of row ${id}: ${told.text}`);
    }
  }

  /** After a flush the journal knows nothing of an erased row. */
  async #checkForgotten(server) {
    if (this.#forgotten.size === 0) return;
    await this.flushEvents(server);
    for (const id of this.#forgotten) {
      const told = await ask(server, 'GET', `/journal/history/${id}?dataset=people`);
      assert.equal(told.status, 200, told.text);
      assert.deepEqual(told.json.items, [], `the journal still knows row ${id}`);
    }
  }

  /** Every index that was acknowledged is there, and a refresh makes it hold each of the people once. */
  async #checkIndexes(server) {
    const headers = { 'content-type': 'application/json' };
    const listed = await ask(server, 'GET', '/vectors/indexes');
    assert.equal(listed.status, 200, listed.text);
    const names = listed.json.items.map((index) => index.name);
    for (const name of this.#indexes) assert.ok(names.includes(name), `the index ${name} is lost`);
    if (names.length === 0) return;
    const people = await this.#query(server, 'SELECT CAST(id AS VARCHAR) FROM people ORDER BY 1');
    for (const name of names) {
      await this.#checkTuned(server, name);
      for (let tries = 0, failed = 0; ; tries++) {
        const body = JSON.stringify({ index_name: name });
        const started = await ask(server, 'POST', '/vectors/refresh/people', { body, headers });
        if (started.status === 409 && tries < 200) {
          await new Promise((resolve) => setTimeout(resolve, 50)); // the end of another build of it
          continue;
        }
        assert.equal(started.status, 202, started.text);
        const job = await this.#jobEnd(server, started.json.jobs[0].job_id);
        if (job.json.state === 'done') break;
        assert.ok(++failed < 4, `the index ${name} cannot be refreshed: ${job.text}`);
      }
      const body = JSON.stringify({ index: name, query: 'p1', mode: 'vector', k: 1000, text: false });
      const found = await ask(server, 'POST', '/vectors/search', { body, headers });
      assert.equal(found.status, 200, found.text);
      assert.equal(found.json.warning, undefined);
      assert.deepEqual(found.json.hits.map((hit) => [hit.doc_id]).sort(), people.json.rows.sort(), `the documents of ${name}`);
      this.#indexes.add(name);
    }
  }

  /** Every key has the value of its last upsert, once. */
  async #checkValues(server) {
    if (this.#values.size === 0) return;
    const answer = await this.#query(server, 'SELECT k, v FROM kv');
    if (answer.status !== 200) assert.ok(!this.#keyed, answer.text);
    const rows = answer.status === 200 ? answer.json.rows : [];
    const found = new Map(rows);
    assert.equal(found.size, rows.length, 'a key stands twice');
    for (const [key, possible] of this.#values) {
      const now = found.get(key) ?? null;
      assert.ok(possible.includes(now), `key ${key} has ${now}, not one of ${possible}`);
      this.#values.set(key, [now]);
    }
  }

  /** Every acknowledged event once, in order; others once or not at all. */
  async #checkEvents(server) {
    for (const [entity, told] of this.#events) {
      const answer = await ask(server, 'GET', `/journal/history/${entity}?limit=10000`);
      assert.equal(answer.status, 200, answer.text);
      const found = answer.json.items.map((event) => event.new_value.n);
      const expected = told.filter(({ n, certain }) => certain || found.includes(n)).map(({ n }) => n);
      assert.deepEqual(found, expected, `the events of ${entity}`);
      this.#events.set(entity, found.map((n) => ({ n, certain: true })));
    }
  }

  async #checkKeys(server) {
    const answer = await ask(server, 'GET', '/access/keys');
    assert.equal(answer.status, 200, answer.text);
    const states = new Map(answer.json.items.map((key) => [key.id, key.revoked_at ? 'revoked' : 'valid']));
    for (const [id, possible] of this.#keys) {
      assert.ok(possible.includes(states.get(id)), `the key ${id} is ${states.get(id)}, not ${possible}`);
      this.#keys.set(id, [states.get(id)]);
    }
  }

  /** A copy that may part from this one: for many ends of the same beginning. */
  fork() {
    const copy = new Ledger();
    copy.#objects = new Map([...this.#objects].map(([key, possible]) => [key, [...possible]]));
    copy.#uploads = new Map([...this.#uploads].map(([name, upload]) => [name, { ...upload }]));
    copy.#keys = new Map([...this.#keys].map(([id, possible]) => [id, [...possible]]));
    copy.#values = new Map([...this.#values].map(([key, possible]) => [key, [...possible]]));
    copy.#keyed = this.#keyed;
    copy.#failures = new Set(this.#failures);
    copy.#rows = new Map([...this.#rows].map(([id, possible]) => [id, [...possible]]));
    copy.#erased = this.#erased;
    copy.#forgotten = new Set(this.#forgotten);
    copy.#events = new Map([...this.#events].map(([entity, told]) => [entity, [...told]]));
    copy.#indexes = new Set(this.#indexes);
    copy.#tuned = new Map([...this.#tuned].map(([name, { trials, promoted }]) => [name, { trials: new Set(trials), promoted: [...promoted] }]));
    copy.#counter = this.#counter;
    return copy;
  }
}
