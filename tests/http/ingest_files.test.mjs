// Files over HTTP: upload, query, dedup, modes, rejects, personal data, lineage.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { root, runLakehouse, startServer } from './server.mjs';

const inbox = path.join(root, 'demo/inbox');

async function upload(server, name, bytes, fields = {}) {
  const form = new FormData();
  for (const [key, value] of Object.entries(fields)) form.append(key, value);
  form.append('file', new Blob([bytes]), name);
  const response = await fetch(`${server.url}/ingest/file`, { method: 'POST', body: form });
  return { status: response.status, body: await response.json() };
}

async function sql(server, text) {
  const response = await fetch(`${server.url}/query/sql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ sql: text }),
  });
  const body = await response.json();
  assert.equal(response.status, 200, JSON.stringify(body));
  return body.rows;
}

const column = (report, name) => report.columns.find((c) => c.name === name);

test('the messy inbox becomes tables', async (t) => {
  const server = await startServer({ t });
  for (const name of readdirSync(inbox).filter((f) => f !== 'README.md')) {
    const { status, body } = await upload(server, name, readFileSync(path.join(inbox, name)));
    assert.equal(status, 201, `${name}: ${JSON.stringify(body)}`);
    const [[count]] = await sql(server, `SELECT count(*) FROM ${body.dataset}`);
    assert.equal(count, body.row_count, name);
  }
  assert.deepEqual(await sql(server, `SELECT "PLZ", "Umsatz", CAST("Kunde seit" AS VARCHAR) FROM kundenliste_2024 WHERE "Ort" = 'Münster'`), [
    ['48155', 912000.5, '2008-06-22'],
  ]);
  assert.deepEqual(await sql(server, `SELECT name FROM candidates_emea WHERE city = 'Αθήνα'`), [['Μαρία Νικολάου']]);
  assert.deepEqual(await sql(server, `SELECT recruiter_name, tags FROM call_events WHERE call_id = 'c-9001'`), [
    ['Olivia Grant', ['warehouse', 'poland']],
  ]);
  assert.deepEqual(await sql(server, `SELECT client_site_zip, shifts[2] FROM job_orders_api WHERE "order" = 88001`), [['98421', 'night']]);
});

test('rejected lines can be read, page by page', async (t) => {
  const server = await startServer({ t });
  const name = 'timesheets_week_12.csv';
  const { body } = await upload(server, name, readFileSync(path.join(inbox, name)));
  assert.equal(body.row_count, 5);
  assert.equal(body.reject_count, 5);
  const lines = [];
  let token = '';
  do {
    const page = await (await fetch(`${server.url}/ingest/rejects/${body.dataset}?limit=2${token && `&page_token=${token}`}`)).json();
    assert.ok(page.items.length <= 2);
    lines.push(...page.items.map((item) => item.line));
    token = page.next_page_token;
  } while (token);
  assert.deepEqual(lines, [1, 2, 9, 10, 12]);
});

test('the same bytes again write nothing', async (t) => {
  const server = await startServer({ t });
  const first = await upload(server, 'a.csv', 'x,y\n1,2\n');
  const again = await upload(server, 'b.csv', 'x,y\n1,2\n');
  assert.equal(first.status, 201);
  assert.equal(again.status, 200);
  assert.equal(again.body.deduplicated, true);
  assert.equal(again.body.dataset, 'a');
  assert.equal(again.body.version, first.body.version);
  const many = await Promise.all(Array.from({ length: 8 }, () => upload(server, 'race.csv', 'x,y\n3,4\n', { name: 'race', mode: 'append' })));
  assert.ok(many.every((r) => r.status === 200 || r.status === 201), JSON.stringify(many));
  assert.equal(many.filter((r) => !r.body.deduplicated).length, 1);
  assert.deepEqual(await sql(server, 'SELECT count(*) FROM race'), [[1]]);
});

test('append fits columns by name, replace starts anew', async (t) => {
  const server = await startServer({ t });
  await upload(server, 'p.csv', 'id,rate,code\n1,2.5,A1\n');
  const appended = await upload(server, 'p2.csv', 'code,id,rate\n0042,2,3\n', { name: 'p', mode: 'append' });
  assert.equal(appended.status, 201, JSON.stringify(appended.body));
  assert.deepEqual(await sql(server, 'SELECT id, rate, code FROM p ORDER BY id'), [
    [1, 2.5, 'A1'],
    [2, 3, '0042'],
  ]);
  const refused = await upload(server, 'p3.csv', 'id\n9\n', { name: 'p' });
  assert.equal(refused.status, 409);
  assert.match(refused.body.hint, /append/);
  const replaced = await upload(server, 'p4.csv', 'word\nhello\n', { name: 'p', mode: 'replace' });
  assert.equal(replaced.status, 201);
  assert.deepEqual(await sql(server, 'SELECT * FROM p'), [['hello']]);
});

test('personal data is flagged with reasons, and lineage is kept', async (t) => {
  const server = await startServer({ t });
  const name = 'candidates_emea.tsv';
  const { body } = await upload(server, name, readFileSync(path.join(inbox, name)));
  assert.equal(column(body, 'mobile').flags[0].kind, 'phone');
  assert.match(column(body, 'mobile').flags[0].reason, /name says "mobile"; 5 of 5 sampled values/);
  assert.equal(column(body, 'date_of_birth').flags[0].kind, 'date_of_birth');
  assert.deepEqual(column(body, 'city').flags, []);
  const manifest = await (await fetch(`${server.url}/catalog/datasets/by-name/${body.dataset}`)).json();
  const [edge] = manifest.lineage;
  assert.equal(edge.source_system, 'upload');
  assert.equal(edge.source_name, name);
  assert.equal(edge.job_id, body.job_id);
  assert.equal(edge.source_sha256, body.sha256);
});

test('what is not read is refused with what to do', async (t) => {
  const server = await startServer({ t });
  for (const [name, bytes, status, words] of [
    ['a.pdf', '%PDF-1.7', 415, /extract/],
    ['a.xlsx', 'PK\x03\x04....', 415, /CSV/],
    ['a.csv', '', 422, /./],
    ['a.json', '[{"a":1},', 422, /./],
    ['a.parquet', 'PAR1....PAR2', 422, /./],
  ]) {
    const answer = await upload(server, name, bytes);
    assert.equal(answer.status, status, `${name}: ${JSON.stringify(answer.body)}`);
    assert.match(`${answer.body.detail} ${answer.body.hint}`, words);
  }
  assert.equal((await upload(server, 'a.csv', 'a\n1\n', { mode: 'perhaps' })).status, 400);
  assert.equal((await upload(server, 'a.csv', 'a\n1\n', { format: 'xml' })).status, 400);
  const list = await (await fetch(`${server.url}/catalog/datasets`)).json();
  assert.equal((list.items ?? list).length, 0);
});

test('the command line ingests several files', async (t) => {
  const server = await startServer({ t });
  const files = ['kundenliste_2024.csv', 'recruiter_sms.txt'].map((f) => path.join(inbox, f));
  const result = await runLakehouse(['ingest', ...files, '--server', server.url, '--json']);
  assert.equal(result.code, 0, result.stderr);
  const reports = result.stdout.trim().split('\n').map((line) => JSON.parse(line));
  assert.deepEqual(reports.map((r) => r.dataset).sort(), ['kundenliste_2024', 'recruiter_sms']);
});

test("Excel's first line sep=; names the delimiter and is not a row", async (t) => {
  const server = await startServer({ t });
  const { status, body } = await upload(server, 'excel.csv', 'sep=;\r\nname;pay\r\nAnn;1,5\r\nBob;2,5\r\n');
  assert.equal(status, 201, JSON.stringify(body));
  assert.deepEqual(body.columns.map((c) => c.name), ['name', 'pay']);
  assert.equal(body.reject_count, 0);
  assert.equal(body.row_count, 2);
});

test('wide tables fit the memory of an ingest', async (t) => {
  const server = await startServer({ t });
  for (const [name, columns, rows] of [['widest.csv', 1500, 3], ['wide.csv', 300, 10000]]) {
    const header = Array.from({ length: columns }, (_, i) => `c${i}`).join(',');
    const lines = Array.from({ length: rows }, (_, r) => Array.from({ length: columns }, (_, i) => r * 7 + i).join(','));
    const { status, body } = await upload(server, name, `${header}\n${lines.join('\n')}\n`);
    assert.equal(status, 201, `${name}: ${body.detail}`);
    assert.equal(body.row_count, rows);
    assert.equal(body.columns.length, columns);
  }
  assert.deepEqual(await sql(server, 'SELECT c0, c1499 FROM widest ORDER BY c0'), [[0, 1499], [7, 1506], [14, 1513]]);
});
