// The formats of POST /query/sql as their readers see them.  The exact bytes of each value are held by the unit tests of
// engine/worker; here the official Arrow client must give the same rows as JSON does.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { tableFromIPC } from 'apache-arrow';
import { arrowRows } from '../lib/arrow_values.mjs';
import { root, startServer } from '../lib/server.mjs';

const types = {
  json: 'application/json',
  ndjson: 'application/x-ndjson',
  csv: 'text/csv',
  arrow: 'application/vnd.apache.arrow.stream',
  parquet: 'application/vnd.apache.parquet',
};

let server;
test.before(async () => {
  server = await startServer({});
});
test.after(() => server?.stop());

async function ask(sql, format, more = {}) {
  const answer = await fetch(`${server.url}/query/sql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: types[format] },
    body: JSON.stringify({ sql, ...more }),
  });
  const bytes = Buffer.from(await answer.arrayBuffer());
  return { status: answer.status, type: answer.headers.get('content-type'), bytes };
}

async function askBytes(sql, format, more) {
  const { status, type, bytes } = await ask(sql, format, more);
  assert.equal(status, 200, bytes.toString());
  assert.ok(type.startsWith(types[format]), type);
  return bytes;
}

// The same rows by both ways.
async function assertSameInArrow(sql) {
  const json = JSON.parse(await askBytes(sql, 'json'));
  const table = tableFromIPC(await askBytes(sql, 'arrow'));
  assert.deepEqual(table.schema.fields.map((field) => field.name), json.columns.map((column) => column.name));
  assert.deepEqual(table.schema.fields.map((field) => field.metadata.get('sql_type')), json.columns.map((c) => c.type));
  const rows = arrowRows(table);
  assert.equal(rows.length, json.rows.length);
  rows.forEach((row, i) => assert.deepEqual(row, json.rows[i], `row ${i}`));
  return table;
}

// One expression a type; each column is NULL in every other row.
const values = {
  boolean: 'true',
  tinyint: '(-128)::TINYINT',
  utinyint: '255::UTINYINT',
  smallint: '(-32768)::SMALLINT',
  usmallint: '65535::USMALLINT',
  integer: '(-2147483648)::INTEGER',
  uinteger: '4294967295::UINTEGER',
  bigint: '(-9223372036854775808)::BIGINT',
  ubigint: '18446744073709551615::UBIGINT',
  hugeint: '(-99999999999999999999999999999999999999)::HUGEINT',
  uhugeint: '99999999999999999999999999999999999999::UHUGEINT',
  bignum: "'-123456789012345678901234567890123456789012345678901234567890'::BIGNUM",
  float: '0.1::FLOAT',
  double: '0.1::DOUBLE + 0.2::DOUBLE',
  nan: "'nan'::DOUBLE",
  infinity: "'-inf'::FLOAT",
  decimal4: '(-1.5)::DECIMAL(4,1)',
  decimal9: '1.5::DECIMAL(9,2)',
  decimal18: '0.001::DECIMAL(18,3)',
  decimal38: '12345678901234567890.0123456789::DECIMAL(38,10)',
  varchar: `'naïve "日本" 🦆' || chr(0) || chr(10)`,
  empty: "''",
  json: `'{"a": [1, null]}'::JSON`,
  blob: "'\\x00\\xFF'::BLOB",
  bit: "'10101'::BIT",
  uuid: "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::UUID",
  enum: "'b'::ENUM('a', 'b')",
  date: "DATE '1969-12-31'",
  date_bc: "'0044-03-15 (BC)'::DATE",
  date_infinite: "'infinity'::DATE",
  time: "TIME '01:02:03.000004'",
  time_ns: "'01:02:03.123456789'::TIME_NS",
  timetz: "'01:02:03+05:30'::TIMETZ",
  timestamp: "TIMESTAMP '1969-12-31 23:59:59.999999'",
  timestamp_s: "TIMESTAMP_S '2026-01-31 23:59:59'",
  timestamp_ms: "TIMESTAMP_MS '2026-01-31 23:59:59.123'",
  timestamp_ns: "TIMESTAMP_NS '2026-01-31 23:59:59.123456789'",
  timestamptz: "TIMESTAMPTZ '2026-01-31 23:59:59.5+02'",
  timestamp_infinite: "'-infinity'::TIMESTAMP",
  interval: "INTERVAL '1 year 2 months -3 days 4.5 seconds'",
  list: '[1, NULL, 3]',
  lists: "[['a'], NULL, []]",
  array: '[1.5, NULL]::FLOAT[2]',
  struct: "{'a': 1, 'b c': 'x', 'd': NULL::DATE}",
  row: "row(1, 'x')",
  map: "MAP {'k': 1, 'l': NULL}",
  union: 'union_value(n := 1)::UNION(s VARCHAR, n INTEGER)',
  enums: "['a', 'b', 'a']::ENUM('a', 'b')[]",
  geometry: "'POINT(1 2)'::GEOMETRY",
};

test('every type is the same in JSON and in Arrow', async (t) => {
  for (const [name, expression] of Object.entries(values)) {
    await t.test(name, () =>
      assertSameInArrow(`SELECT v FROM range(4) t(i) LEFT JOIN (SELECT ${expression} AS v) ON i % 2 = 1 ORDER BY i`));
  }
});

test('all types in one result, over several batches', async () => {
  const columns = Object.entries(values).map(([name, expression]) => `${expression} AS "${name}"`).join(', ');
  const table = await assertSameInArrow(
    `SELECT q.* FROM range(3000) t(i) LEFT JOIN (SELECT ${columns}) q ON i % 3 > 0 ORDER BY i`);
  assert.equal(table.numRows, 3000);
});

// Pseudo-random values of many shapes; `seed` makes them anew.
function randomSelect(seed) {
  const r = (n) => `hash(i, ${seed}, ${n})`;
  const maybe = (n, e) => `CASE WHEN ${r(n + 1000)} % 7 > 0 THEN ${e} END`;
  const text = (n) =>
    `left(repeat(chr((${r(n)} % 300 + 1)::INTEGER) || ${r(n)}::VARCHAR, 3), (${r(n + 500)} % 70)::INTEGER)`;
  const columns = {
    flag: `${r(1)} % 2 = 0`,
    small: `((${r(2)} % 256)::INTEGER - 128)::TINYINT`,
    big: `(${r(4)} >> 1)::BIGINT - (${r(5)} >> 2)::BIGINT`,
    unsigned: r(6),
    huge: `(${r(7)}::HUGEINT - ${r(8)}::HUGEINT) * (${r(9)} % 1000000)::HUGEINT`,
    single: `((${r(10)} % 20000)::FLOAT / 8)::FLOAT`,
    double: `${r(11)}::DOUBLE * pow(10, ((${r(12)} % 500)::INTEGER - 260))`,
    price: `((${r(13)} % 100000)::INTEGER - 50000)::DECIMAL(9,3)`,
    wide: `(${r(15)}::DECIMAL(38,10) / 3)::DECIMAL(38,10)`,
    text: text(16),
    bits: `(${r(18)} % 100000)::INTEGER::BIT`,
    day: `DATE '1970-01-01' + ((${r(19)} % 200000)::INTEGER - 100000)`,
    moment: `make_timestamp((${r(20)} % 4000000000000000)::BIGINT - 2000000000000000)`,
    nanos: `make_timestamp_ns((${r(20)} % 4000000000000000000)::BIGINT - 2000000000000000000)`,
    span: `to_months((${r(25)} % 100)::INTEGER - 50) + to_microseconds((${r(27)} % 10000000000)::BIGINT - 5000000000)`,
    id: `md5(${r(28)}::VARCHAR)::UUID`,
    state: `(['open', 'won', 'lost'])[(${r(29)} % 3)::INTEGER + 1]::ENUM('open', 'won', 'lost')`,
    numbers: `list_transform(range((${r(30)} % 5)::BIGINT), lambda x: CASE WHEN x % 3 = 1 THEN NULL ELSE x END)`,
    texts: `list_transform(range((${r(31)} % 4)::BIGINT), lambda x: ${text(31)} || x)`,
    nested: `list_transform(range((${r(32)} % 4)::BIGINT), lambda x: CASE WHEN x = 2 THEN NULL ELSE range(x) END)`,
    person: `{'name': ${maybe(33, text(33))}, 'tags': ${maybe(34, `[${text(34)}, NULL]`)},
              'at': {'x': ${maybe(35, `${r(35)} % 10`)}, 'ok': ${maybe(36, `${r(36)} % 2 = 1`)}}}`,
    people: `list_transform(range((${r(37)} % 4)::BIGINT), lambda x: {'k': x, 't': ${text(37)}})`,
    pairs: `map([${text(38)}, 'z'], [${r(38)} % 10, NULL])`,
    flags: `list_transform(range((${r(39)} % 5)::BIGINT), lambda x: x % 2 = 1)`,
  };
  const list = Object.entries(columns).map(([name, e], n) => `${maybe(n + 100, e)} AS ${name}`).join(', ');
  const either = `CASE ${r(40)} % 2 WHEN 0 THEN union_value(s := ${text(40)})::UNION(s VARCHAR, l VARCHAR[])
                  ELSE union_value(l := [${text(41)}])::UNION(s VARCHAR, l VARCHAR[]) END AS either`;
  return `SELECT ${list}, ${either}, [(${r(50)} % 100)::FLOAT / 8, NULL]::FLOAT[2] AS vector
          FROM range(3000) t(i) WHERE ${r(60)} % 3 > 0`;
}

test('random values are the same in JSON and in Arrow', async (t) => {
  for (const seed of [1, 2, 3]) await t.test(`seed ${seed}`, () => assertSameInArrow(randomSelect(seed)));
});

test('a long result comes in several record batches', async () => {
  const table = tableFromIPC(await askBytes('SELECT i FROM range(200000) t(i)', 'arrow', { limit: 200000 }));
  assert.equal(table.numRows, 200000);
  assert.ok(table.batches.length > 1);
  assert.equal(table.getChild('i').get(199999), 199999n);
});

test('NDJSON has one object a line', async () => {
  const text = (await askBytes('SELECT i, i % 2 = 0 AS even, 7 AS i FROM range(3) t(i)', 'ndjson')).toString();
  assert.deepEqual(text.trimEnd().split('\n').map((line) => JSON.parse(line)), [
    { i: 0, even: true, i_1: 7 }, { i: 1, even: false, i_1: 7 }, { i: 2, even: true, i_1: 7 },
  ]);
});

test('CSV has a header, CRLF, and quotes where they are needed', async () => {
  const text = (await askBytes(`SELECT 'a,b' AS "x y", NULL AS n, '' AS e, 1.50 AS d`, 'csv')).toString();
  assert.equal(text, 'x y,n,e,d\r\n"a,b",,"",1.50\r\n');
});

test('a Parquet file is whole', async () => {
  const bytes = await askBytes("SELECT i, 'text ' || i AS s FROM range(1000) t(i)", 'parquet');
  assert.equal(bytes.subarray(0, 4).toString(), 'PAR1');
  assert.equal(bytes.subarray(-4).toString(), 'PAR1');
});

test('a value that a format cannot carry is an error that names column and remedy', async () => {
  for (const format of ['json', 'arrow']) {
    const { status, bytes } = await ask("SELECT {'a': 1}::VARIANT AS odd", format);
    const problem = JSON.parse(bytes);
    assert.equal(status, 422);
    assert.match(problem.detail, /"odd"/);
    assert.match(problem.hint, /CAST\("odd" AS JSON\)/);
  }
});

test("the official client reads the encoders' golden file", () => {
  const file = path.join(root, 'tests/unit/engine/worker/golden/types.arrow');
  const rows = arrowRows(tableFromIPC(readFileSync(file)));
  assert.equal(rows.length, 5);
  assert.deepEqual(rows[4], [
    4, 'text 4', true, '4.00', 4, '2026-02-04', '2026-01-31T12:00:00.000000Z', [4, null], { a: 4, b: 'x' },
    [{ key: 'k', value: 4 }], [4, 4], 'no', '1 month 2 days', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', { n: 4 }, '/w==',
  ]);
  assert.equal(rows[0][1], null);
});
