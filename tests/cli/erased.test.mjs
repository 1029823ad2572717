// `lakehouse check --erased KEY`: where a row still stands, in which versions, and what removes it; and at last nowhere.
import assert from 'node:assert/strict';
import { copyFileSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { before, test } from 'node:test';
import { makeTemporaryFolder, query, runLakehouse, startServer } from '../lib/server.mjs';

const data = makeTemporaryFolder();
const KEY = 'c-00017';

const erased = async (...args) => {
  const run = await runLakehouse(['check', '--data', data, '--json', '--erased', ...args]);
  return { ...run, report: run.stdout ? JSON.parse(run.stdout) : null };
};
const places = (report, kind) => report.findings.filter((f) => f.kind === kind).map((f) => `${f.dataset ?? '-'} ${f.role}`).sort();

async function withServer(work) {
  const server = await startServer({ dataDir: data });
  const post = async (route, body, method = 'POST') => {
    const reply = await fetch(server.url + route, {
      method, body: JSON.stringify(body), headers: { 'content-type': 'application/json' },
    });
    assert.ok(reply.ok, await reply.clone().text());
    return reply.json();
  };
  const ingest = async (name, mode, csv) => {
    const reply = await fetch(`${server.url}/ingest/file?name=${name}&mode=${mode}&file_name=${name}.csv`, {
      method: 'POST', headers: { 'content-type': 'text/csv' }, body: csv,
    });
    assert.ok(reply.ok, await reply.clone().text());
  };
  try {
    await work({ server, post, ingest });
  } finally {
    await server.stop();
  }
}

before(() => withServer(async ({ post, ingest }) => {
  await ingest('candidates', 'create', `id,mail\n${KEY},kim@example.org\nc-2,pat@example.org\n`);
  await ingest('placements', 'create', `n,candidate\n1,${KEY}\n2,c-2\n`);
  await post('/catalog/datasets/by-name/candidates/metadata', { primary_key: ['id'] }, 'PATCH');
}));

test('a row that is there is found, with where and why; so is a mention', async () => {
  const { code, report } = await erased(KEY);
  assert.equal(code, 1);
  assert.equal(report.erased, false);
  assert.deepEqual(places(report, 'row'), ['candidates base']);
  assert.deepEqual(places(report, 'mention'), ['placements base']);
  const row = report.findings.find((f) => f.kind === 'row');
  assert.deepEqual([row.rows, row.bucket, row.first_version, row.last_version], [1, 'primary', 1, null]);
  assert.match(row.object, /^datasets\/candidates\/base\//);
  assert.match(row.message, /tombstone the row, compact, then vacuum/);
  assert.equal(report.findings.find((f) => f.kind === 'mention').columns, 'candidate');
  const text = await runLakehouse(['check', '--data', data, '--erased', KEY]);
  assert.match(text.stdout, /row: primary: datasets\/candidates\/base\/\S+ {2}\(candidates, base; version 1 to the newest\) {2}1 row/);
});

test('what is nowhere is nowhere', async () => {
  const { code, report } = await erased('c-99999');
  assert.deepEqual([code, report.erased, report.findings], [0, true, []]);
  assert.ok(report.objects >= 2);
  assert.equal((await erased('x', '--dataset', 'nothing')).code, 1);
  assert.equal((await runLakehouse(['check', '--data', data, '--dataset', 'candidates'])).code, 2);
});

test('a key that could only be rounded to a row of the dataset proves nothing, and is refused', async () => {
  await withServer(async ({ post, ingest }) => {
    await ingest('days', 'create', 'day,n\n2024-01-01,1\n2024-01-02,2\n');
    await post('/catalog/datasets/by-name/days/metadata', { primary_key: ['day'] }, 'PATCH');
  });
  assert.deepEqual(places((await erased('2024-01-01 00:00:00', '--dataset', 'days')).report, 'row'), ['days base']);
  const refused = await erased('2024-01-01 12:00:00', '--dataset', 'days');
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /no key of .*days.*DATE.*rounded/s);
});

test('an erased row stands in old files and its tombstone, not in the journal; when these are gone it is nowhere', async () => {
  await withServer(async ({ post }) => {
    await post('/catalog/datasets/candidates/tombstone', { row_keys: [KEY], reason: 'Art. 17', erase: true });
    await post('/journal/flush', {});
  });
  const soon = await erased(KEY, '--dataset', 'CANDIDATES');
  assert.deepEqual(places(soon.report, 'row'), ['candidates base', 'candidates changes', 'candidates tombstone']);
  // What compaction does to the dataset, here by hand: its rows without this one.
  await withServer(async ({ ingest }) => ingest('candidates', 'replace', 'id,mail\nc-2,pat@example.org\n'));
  const retained = await erased(KEY, '--dataset', 'candidates');
  assert.equal(retained.code, 1);
  for (const finding of retained.report.findings) {
    assert.ok(finding.last_version > 0 && finding.unused_since, JSON.stringify(finding));
    assert.match(finding.message, /vacuum/);
    rmSync(path.join(data, 'objects', finding.object)); // as a vacuum would
  }
  const { code, report } = await erased(KEY, '--dataset', 'candidates');
  assert.deepEqual([code, report.findings], [0, []]);
  // And truly: no byte of any file but that of the other dataset holds the address.
  const walk = (folder) => readdirSync(folder, { withFileTypes: true }).flatMap((e) =>
    e.isDirectory() ? walk(path.join(folder, e.name)) : [path.join(folder, e.name)]);
  for (const file of walk(data)) assert.equal(readFileSync(file).includes('kim@example.org'), false, file);
});

test('a tombstone without erasure stays in the journal, and is found there', async () => {
  await withServer(async ({ server, post }) => {
    await post('/catalog/datasets/by-name/candidates/metadata', { primary_key: ['id'] }, 'PATCH');
    await post('/catalog/datasets/candidates/tombstone', { row_keys: ['c-2'] });
    assert.deepEqual((await query(server, 'SELECT count(*) FROM candidates')).rows, [[0]]);
    await post('/journal/flush', {});
  });
  const { report } = await erased('c-2', '--dataset', 'candidates');
  assert.ok(places(report, 'row').includes('- event'), JSON.stringify(report.findings));
  assert.ok(places(report, 'row').includes('candidates changes'));
});

test('tombstone with erase, compact, vacuum: it stands nowhere, and the journal has forgotten it', async () => {
  const key = 'f-4711';
  await withServer(async ({ server, post, ingest }) => {
    const job = async (route, body) => {
      const { job_id: id } = await post(route, body);
      for (;;) {
        const { state } = await (await fetch(`${server.url}/jobs/${id}`)).json();
        if (state === 'done') return;
        assert.ok(!['failed', 'cancelled'].includes(state), state);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    };
    await ingest('forget', 'create', `who,mail\n${key},fin@example.org\nf-2,pat@example.org\n`);
    await post('/catalog/datasets/by-name/forget/metadata', { primary_key: ['who'] }, 'PATCH');
    await post('/query/delta/forget', [{ who: key, mail: 'fin2@example.org' }]);
    // Nobody has looked at the journal yet: the vacuum has to, before the file of changes goes.
    await post('/catalog/datasets/forget/tombstone', { row_keys: [key], erase: true });
    await job('/query/compact', { dataset: 'forget' });
    const lifted = await fetch(`${server.url}/catalog/datasets/forget/untombstone`, {
      method: 'POST', body: JSON.stringify({ row_keys: [key] }), headers: { 'content-type': 'application/json' },
    });
    assert.equal(lifted.status, 409, 'a compaction has removed it for good');
    await job('/catalog/vacuum', { retention_hours: 0 });
    const recent = await (await fetch(`${server.url}/journal/recent?limit=100`)).json();
    const mine = recent.items.filter((e) => e.entity_type === 'forget');
    assert.deepEqual(mine.map((e) => e.action).sort(), ['erase', 'update']);
    for (const e of mine) assert.match(e.entity_id, /^erased:/);
  });
  const { code, report } = await erased(key);
  assert.deepEqual([code, report.findings], [0, []]);
});

// ---- the key, as `tombstone` understands it ----

test('a key is typed to the columns of the dataset\'s key before it is searched, in data and in the journal alike', async () => {
  await withServer(async ({ post, ingest }) => {
    const keyed = async (name, csv, primary_key, row) => {
      await ingest(name, 'create', csv);
      await post(`/catalog/datasets/by-name/${name}/metadata`, { primary_key }, 'PATCH');
      await post(`/query/delta/${name}`, [row]);
    };
    await keyed('numbers', 'n,v\n7001,a\n7002,b\n', ['n'], { n: 7001, v: 'changed' });
    await keyed('pairs', 'a,b,v\nn,7005,x\nm,7006,y\n', ['a', 'b'], { a: 'n', b: 7005, v: 'changed' });
    await keyed('amounts', 'd,v\n7001.5,x\n8000.25,y\n', ['d'], { d: 7001.5, v: 'changed' });
    await keyed('moments', 'at,v\n2026-03-01T10:00:00Z,x\n2026-03-02T10:00:00Z,y\n', ['at'],
      { at: '2026-03-01T10:00:00Z', v: 'changed' });
    await post('/journal/flush', {});
  });
  const forms = {
    numbers: ['7001', '07001', '[7001]', '["7001"]', '{"n":7001}', '{"N":"7001"}'],
    pairs: ['["n",7005]', '["n", "7005"]', '["n","7005"]', '["n","07005"]', '{"b":7005,"a":"n"}'],
    amounts: ['7001.5', '7001.50', '[7001.5]', '7.0015e3'],
    moments: ['2026-03-01T10:00:00Z', '2026-03-01 12:00:00+02', '["2026-03-01T05:00:00-05:00"]'],
  };
  for (const [dataset, keys] of Object.entries(forms)) {
    for (const key of keys) {
      const one = await erased(key, '--dataset', dataset);
      assert.equal(one.code, 1, `${key} of ${dataset}: ${one.stdout}${one.stderr}`);
      for (const role of ['base', 'changes', 'delta'])
        assert.ok(places(one.report, 'row').includes(`${dataset} ${role}`), `${key} of ${dataset}: no ${role}`);
      assert.ok(places(one.report, 'row').includes('- event'), `${key} of ${dataset}: not in the journal`);
    }
    const all = await erased(keys.at(-1));
    assert.equal(all.code, 1);
    for (const place of [`${dataset} base`, `${dataset} delta`, `${dataset} changes`, '- event'])
      assert.ok(places(all.report, 'row').includes(place), `${keys.at(-1)} without --dataset: no ${place}`);
  }
  for (const [dataset, key] of [['numbers', '[79]'], ['pairs', '["n",7006]'], ['moments', '2026-03-01 10:00:00+02']]) {
    const { code, report } = await erased(key, '--dataset', dataset);
    assert.deepEqual([code, report.findings], [0, []], key);
  }
});

test('a row whose event is in no file yet is found in the local log, however the log escapes its name', async () => {
  await withServer(async ({ server, post }) => {
    await post('/journal/event', { entity_type: 'pairs', entity_id: '["o","7009"]', action: 'note', new_value: 1 });
    await server.kill9(); // one that ends in order flushes it
  });
  const { code, report } = await erased('{"a":"o","b":7009}', '--dataset', 'pairs');
  assert.deepEqual([code, places(report, 'mention'), places(report, 'row')], [3, ['- log'], []]);
});

test('without --dataset one whose key it cannot be is searched in all its columns', async () => {
  const { code, report } = await erased('7006');
  assert.deepEqual([code, places(report, 'mention')], [3, ['pairs base']]);
  assert.equal(report.findings[0].columns, 'b');
});

test('a key that the dataset cannot have proves nothing: it is refused, with the columns of the key', async () => {
  const refused = async (key, dataset, ...words) => {
    const { code, stdout, stderr } = await erased(key, '--dataset', dataset);
    assert.equal(code, 1, `${key} of ${dataset}: ${stdout}`);
    assert.equal(stdout, '');
    for (const word of words) assert.match(JSON.parse(stderr).detail, word, key);
  };
  await refused('n', 'pairs', /"a" VARCHAR, "b" BIGINT/, /has 1 values/);
  await refused('["n"]', 'pairs', /"a" VARCHAR, "b" BIGINT/);
  await refused('["n",5,6]', 'pairs', /"a" VARCHAR, "b" BIGINT/, /has 3 values/);
  await refused('{"a":"n","c":5}', 'pairs', /"b"/);
  await refused('["n","x"]', 'pairs', /a whole number/);
  await refused('seven', 'numbers', /"n" BIGINT/, /a whole number/);
  await refused('99999999999999999999', 'numbers', /is no BIGINT/);
  await refused('seven', 'amounts', /"d" DOUBLE/);
  await refused('yesterday', 'moments', /"at" TIMESTAMP/);
  const { code, stderr } = await erased('1', '--dataset', 'placements');
  assert.equal(code, 1);
  assert.match(JSON.parse(stderr).detail, /"placements" has no primary key/);
  assert.match(JSON.parse(stderr).hint, /leave --dataset away.*set one/);
});

// ---- places that no version names ----

test('files that no commit names are searched for the rows of the dataset below whose folder they lie', async () => {
  const base = path.join(data, 'objects/datasets/numbers/base');
  const orphan = path.join(base, '01ORPHAN.parquet');
  copyFileSync(path.join(base, readdirSync(base)[0]), orphan);
  try {
    const { report } = await erased('7002', '--dataset', 'numbers');
    assert.deepEqual(places(report, 'row'), ['numbers base', 'numbers orphan']);
    assert.match(report.findings.find((f) => f.role === 'orphan').message, /vacuum/);
    assert.deepEqual(places((await erased('n', '--dataset', 'moments')).report ?? { findings: [] }, 'row'), []);
    assert.ok(places((await erased('7002')).report, 'row').includes('numbers orphan'));
  } finally {
    rmSync(orphan);
  }
});

test('an erasure that the journal has not told yet is found in the log and the changes, and in neither after a flush', async () => {
  const key = 'g-8801';
  await withServer(async ({ server, post, ingest }) => {
    await ingest('logged', 'create', `who,mail\n${key},gil@example.org\ng-2,pat@example.org\n`);
    await post('/catalog/datasets/by-name/logged/metadata', { primary_key: ['who'] }, 'PATCH');
    await post('/query/delta/logged', [{ who: key, mail: 'gil2@example.org' }]);
    await fetch(`${server.url}/journal/recent?limit=10`); // the upsert is told, into the local log
    await post('/catalog/datasets/logged/tombstone', { row_keys: [key], erase: true });
    await server.kill9();
  });
  const before = (await erased(key, '--dataset', 'logged')).report;
  assert.ok(places(before, 'row').includes('logged changes'), JSON.stringify(before.findings));
  assert.ok(before.findings.some((f) => f.role === 'log' && /flush/.test(f.message)), JSON.stringify(before.findings));
  await withServer(async ({ post }) => post('/journal/flush', {}));
  const after = (await erased(key, '--dataset', 'logged')).report;
  assert.deepEqual(after.findings.filter((f) => ['log', 'event', 'redaction'].includes(f.role)), []);
});

test('an index holds its documents until it is written anew; a hot cache holds nothing while no server runs', async () => {
  const key = 'h-9901';
  const job = async (server, { job_id: id }) => {
    for (;;) {
      const { state, error } = await (await fetch(`${server.url}/jobs/${id}`)).json();
      if (state === 'done') return;
      assert.ok(!['failed', 'cancelled'].includes(state), JSON.stringify(error));
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  await withServer(async ({ server, post, ingest }) => {
    await ingest('notes', 'create', `who,note\n${key},sailing and chess\nh-2,mountains and tea with ${key}\nh-3,bread\n`);
    await post('/catalog/datasets/by-name/notes/metadata', { primary_key: ['who'] }, 'PATCH');
    await job(server, await post('/vectors/index', { name: 'notes', dataset: 'notes', id_column: 'who', text_column: 'note' }));
    await post('/query/cache/pin', { dataset: 'notes', wait: true });
    assert.equal(readdirSync(path.join(data, 'cache/hot')).some((f) => f.endsWith('.duckdb')), true);
    await server.kill9();
  });
  const { report } = await erased(key, '--dataset', 'notes');
  assert.deepEqual(places(report, 'row'), ['notes base', 'notes index']);
  assert.deepEqual(readdirSync(path.join(data, 'cache/hot')), []);
  const all = (await erased(key)).report;
  assert.equal(all.findings.find((f) => f.role === 'index' && f.kind === 'mention')?.columns, 'chunk_text', JSON.stringify(all.findings));
  await withServer(async ({ server, post }) => {
    await post('/catalog/datasets/notes/tombstone', { row_keys: [key], erase: true });
    for (const started of (await post('/vectors/refresh/notes', { rebuild: true })).jobs)
      await job(server, started);
  });
  const { report: later } = await erased(key, '--dataset', 'notes');
  assert.deepEqual(later.findings.filter((f) => f.role === 'index'), []);
});
