// The staffing demo: small ones are quick, the same seed gives the same lake, and it can be made again in place.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { makeTemporaryFolder, runLakehouse } from '../lib/server.mjs';

const tables = ['candidates', 'clients', 'job_orders', 'placements', 'timesheets', 'call_log', 'email_log'];

async function makeDemo(data, ...args) {
  const made = await runLakehouse(['demo', '--data', data, '--scale', '0.004', '--json', ...args]);
  assert.equal(made.code, 0, made.stderr);
  return made.stdout.trimEnd().split('\n').map((line) => JSON.parse(line));
}

/** What a reader sees: every row of every table, hashed without regard to their order. */
async function fingerprint(data) {
  const sql = tables.map((t) => `SELECT '${t}' AS name, count(*) AS n, bit_xor(hash(t)) AS h FROM ${t} AS t`).join(' UNION ALL ');
  const asked = await runLakehouse(['sql', '--data', data, '--csv', '-c', `${sql} ORDER BY name`]);
  assert.equal(asked.code, 0, asked.stderr);
  return asked.stdout;
}

test('the same seed gives the same bytes, another seed others', async () => {
  const [one, two, other] = [makeTemporaryFolder(), makeTemporaryFolder(), makeTemporaryFolder()];
  const reports = await makeDemo(one, '--seed', '7');
  const again = await makeDemo(two, '--seed', '7');
  assert.deepEqual(reports.map((r) => r.dataset ?? r.subject), [...tables, 'resumes']);
  assert.equal(reports.at(-1).result.documents, 400);
  assert.deepEqual(again.map((r) => [r.dataset, r.sha256, r.row_count]), reports.map((r) => [r.dataset, r.sha256, r.row_count]));
  assert.equal(await fingerprint(one), await fingerprint(two));
  const others = await makeDemo(other, '--seed', '8');
  for (const [i, report] of others.slice(0, tables.length).entries()) assert.notEqual(report.sha256, reports[i].sha256, report.dataset);
});

test('made again, it replaces its tables and leaves others alone', async () => {
  const data = makeTemporaryFolder();
  await makeDemo(data);
  const before = await fingerprint(data);
  const file = path.join(makeTemporaryFolder(), 'mine.csv');
  writeFileSync(file, 'a\n1\n2\n');
  assert.equal((await runLakehouse(['ingest', file, '--data', data])).code, 0);
  await makeDemo(data, '--seed', '9');
  assert.notEqual(await fingerprint(data), before);
  await makeDemo(data);
  assert.equal(await fingerprint(data), before);
  const mine = await runLakehouse(['sql', '--data', data, '--csv', '-c', 'FROM mine']);
  assert.equal(mine.stdout, 'a\r\n1\r\n2\r\n', mine.stderr);
});

test('every reference of a small demo leads to a row', async () => {
  const data = makeTemporaryFolder();
  await makeDemo(data);
  const sql = `SELECT (SELECT count(*) FROM placements WHERE candidate_id NOT IN (SELECT candidate_id FROM candidates)) +
    (SELECT count(*) FROM job_orders WHERE client_id NOT IN (SELECT client_id FROM clients)) +
    (SELECT count(*) FROM timesheets WHERE placement_id NOT IN (SELECT placement_id FROM placements)) AS lost`;
  const asked = await runLakehouse(['sql', '--data', data, '--csv', '-c', sql]);
  assert.equal(asked.stdout, 'lost\r\n0\r\n', asked.stderr);
});

test('people get one line a table', async () => {
  const data = makeTemporaryFolder();
  const made = await runLakehouse(['demo', '--data', data, '--scale', '0.001']);
  assert.equal(made.code, 0, made.stderr);
  for (const table of tables) assert.match(made.stdout, new RegExp(`^ +${table} +[\\d,]+ rows +\\d+\\.\\d s$`, 'm'));
  assert.equal(made.stderr, '');
});
