// The Arrow stream that POST /query/sql sends is read by Apache Arrow's own JavaScript client, value by value.
import assert from 'node:assert/strict';
import test from 'node:test';
import { tableFromIPC } from 'apache-arrow';
import { startServer } from '../lib/server.mjs';

async function arrow(server, sql, body = {}) {
  const response = await fetch(`${server.url}/query/sql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/vnd.apache.arrow.stream' },
    body: JSON.stringify({ sql, ...body }),
  });
  assert.equal(response.status, 200, response.status === 200 ? '' : await response.text());
  assert.match(response.headers.get('content-type'), /^application\/vnd\.apache\.arrow\.stream/);
  return tableFromIPC(new Uint8Array(await response.arrayBuffer()));
}

test('the Arrow stream, read by the official client', async (t) => {
  const server = await startServer({ t });
  // A statement, the Arrow type that the client must see, and the value it must read.
  const rows = [
    ['NULL::INTEGER', 'Int32', null],
    ['true', 'Bool', true],
    ['42::TINYINT', 'Int8', 42],
    ['-7::SMALLINT', 'Int16', -7],
    ['2147483647::INTEGER', 'Int32', 2147483647],
    ['9007199254740993::BIGINT', 'Int64', 9007199254740993n],
    ['18446744073709551615::UBIGINT', 'Uint64', 18446744073709551615n],
    ['0.5::FLOAT', 'Float32', 0.5],
    ["'-inf'::DOUBLE", 'Float64', -Infinity],
    ["'résumé 😀'", 'Utf8', 'résumé 😀'],
    ["''", 'Utf8', ''],
  ];
  for (const [sql, type, value] of rows) {
    await t.test(sql, async () => {
      const table = await arrow(server, `SELECT ${sql} AS v`);
      assert.equal(table.numRows, 1);
      assert.equal(table.schema.fields[0].name, 'v');
      assert.equal(String(table.schema.fields[0].type), type);
      assert.deepEqual(table.getChild('v').get(0), value);
    });
  }

  await t.test('a BLOB is bytes', async () => {
    const table = await arrow(server, "SELECT '\\x00\\xFF'::BLOB AS v");
    assert.deepEqual([...table.getChild('v').get(0)], [0, 255]);
  });

  await t.test('a DATE and a TIMESTAMP are that instant', async () => {
    const table = await arrow(server, "SELECT DATE '2026-11-21' AS d, TIMESTAMP '2026-11-21 01:25:47.5' AS ts");
    assert.equal(Number(table.getChild('d').get(0)), Date.UTC(2026, 10, 21));
    assert.equal(Number(table.getChild('ts').get(0)), Date.UTC(2026, 10, 21, 1, 25, 47, 500));
  });

  await t.test('a LIST and a STRUCT keep their shape', async () => {
    const table = await arrow(server, "SELECT [1, NULL, 3]::INTEGER[] AS l, {'a': 1, 'b': 'x'} AS s");
    assert.deepEqual([...table.getChild('l').get(0)], [1, null, 3]);
    assert.deepEqual(table.getChild('s').get(0).toJSON(), { a: 1, b: 'x' });
  });

  await t.test('many batches carry every row once, in order', async () => {
    const table = await arrow(server, 'SELECT i, i % 3 = 0 AS third FROM range(100000) AS r(i) ORDER BY i', { limit: 100000 });
    assert.equal(table.numRows, 100000);
    const i = table.getChild('i');
    let sum = 0n;
    for (const value of i) sum += BigInt(value);
    assert.equal(sum, 4999950000n);
    assert.equal(BigInt(i.get(99999)), 99999n);
    assert.equal(table.getChild('third').get(99999), true);
  });

  await t.test('no row is a stream with its schema', async () => {
    const table = await arrow(server, 'SELECT 1 AS a, 2.5::DOUBLE AS b WHERE false');
    assert.equal(table.numRows, 0);
    assert.deepEqual(table.schema.fields.map((field) => field.name), ['a', 'b']);
  });
});
