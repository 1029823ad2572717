// `lakehouse check --erased KEY`: where a row still stands, in which versions, and what removes it; and at last nowhere.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync, rmSync } from 'node:fs';
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
  assert.equal((await erased(KEY, '--dataset', 'placements')).code, 0, 'the key of another dataset');
  assert.equal((await erased('x', '--dataset', 'nothing')).code, 1);
  assert.equal((await runLakehouse(['check', '--data', data, '--dataset', 'candidates'])).code, 2);
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
