// Files and uploads made to break readers: damaged Parquet, torn encodings, evil names, multipart that is no multipart.  Each is
// read right or refused in clear words; nothing stays behind; the server goes on.  (Bombs: ingest_hostile.test.mjs.)
import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { deflateRawSync, gzipSync } from 'node:zlib';
import { converse } from '../lib/raw_http.mjs';
import { query, startServer } from '../lib/server.mjs';

let server;
let parquet;
before(async () => {
  server = await startServer({
    env: { LAKEHOUSE__INGEST__TIMEOUT: '20s', LAKEHOUSE__INGEST__MEMORY_BYTES: '256MB', LAKEHOUSE__INGEST__ADDRESS_SPACE_BYTES: '2GB' },
  });
  const sql = "SELECT range AS id, 'name ' || range AS name, range * 1.5 AS amount, DATE '2024-01-01' + range::INT AS day FROM range(2000)";
  const response = await fetch(`${server.url}/query/sql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/vnd.apache.parquet' },
    body: JSON.stringify({ sql }),
  });
  assert.equal(response.status, 200);
  parquet = Buffer.from(await response.arrayBuffer());
});
after(() => server.stop());

async function upload(name, bytes, parameters = {}) {
  const target = new URLSearchParams({ file_name: name, ...parameters });
  const response = await fetch(`${server.url}/ingest/file?${target}`, {
    method: 'POST',
    headers: { 'content-type': 'application/octet-stream' },
    body: bytes,
  });
  return { status: response.status, body: await response.json() };
}

const filesBelow = (folder) =>
  existsSync(folder)
    ? readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
        entry.isDirectory() ? filesBelow(path.join(folder, entry.name)) : [path.join(folder, entry.name)],
      )
    : [];

/** No upload's spool, and no data file that no dataset has.  Workers that are being reaped get a moment. */
async function assertNothingLeft() {
  const datasets = path.join(server.dataDir, 'objects', 'datasets');
  const known = new Set();
  const listing = await (await fetch(`${server.url}/catalog/datasets?limit=1000`)).json();
  for (const dataset of listing.items) known.add(dataset.name);
  let left;
  for (let i = 0; i < 50; i++) {
    left = filesBelow(path.join(server.dataDir, 'tmp')).filter((file) => !file.includes('worker') || /spool|upload|input/.test(file));
    if (left.length === 0) break;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert.deepEqual(left, []);
  // A long name's folder bears its beginning.
  const isKnown = (folder) => known.has(folder) || [...known].some((name) => name.length > 100 && name.startsWith(folder));
  const orphans = filesBelow(datasets).filter((file) => !isKnown(decodeURIComponent(path.relative(datasets, file).split(path.sep)[0])));
  assert.deepEqual(orphans, []);
}

function assertRefused(answer, name) {
  const text = JSON.stringify(answer.body).slice(0, 400);
  assert.ok(answer.status >= 400 && answer.status < 500, `${name}: ${answer.status} ${text}`);
  assert.ok(answer.body.detail.length > 0 && answer.body.code.length > 0, `${name}: ${text}`);
  assert.ok(!text.includes(server.dataDir), `${name} shows a path of the server's own: ${text}`);
}

/** A repeatable sequence of whole numbers below n (xorshift32). */
function* numbers(seed, n) {
  for (let x = seed; ; ) {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    yield (x >>> 0) % n;
  }
}

test('Parquet with one flipped bit is read or refused, two hundred times', async (t) => {
  const places = numbers(20_261_121, parquet.length * 8);
  const count = { read: 0, refused: 0 };
  for (let i = 0; i < 200; i++) {
    const bit = places.next().value;
    const damaged = Buffer.from(parquet);
    damaged[bit >> 3] ^= 1 << (bit & 7);
    const answer = await upload(`flip${bit}.parquet`, damaged);
    if (answer.status === 201) {
      count.read++;
      const rows = await query(server, `SELECT count(*) FROM "${answer.body.dataset}"`);
      assert.equal(rows.status, 200, `bit ${bit}: ${JSON.stringify(rows)}`);
    } else {
      count.refused++;
      assertRefused(answer, `bit ${bit}`);
    }
  }
  t.diagnostic(`${count.read} read, ${count.refused} refused`);
  await assertNothingLeft();
});

test('Parquet cut anywhere is refused', async () => {
  for (let i = 0; i < 40; i++) {
    const length = Math.floor((parquet.length * i) / 40);
    if (length > 0) assertRefused(await upload('cut.parquet', parquet.subarray(0, length)), `${length} of ${parquet.length} bytes`);
  }
  await assertNothingLeft();
});

test('Parquet whose footer lies about sizes is refused', async () => {
  const end = parquet.length - 8;
  const footerStart = end - parquet.readUInt32LE(end);
  for (const claim of [0, 1, 7, 0x7fffffff, 0xffffffff, parquet.length, parquet.length - 8, 0x80000000]) {
    const liar = Buffer.from(parquet);
    liar.writeUInt32LE(claim, end);
    assertRefused(await upload('footer.parquet', liar), `a footer of ${claim} bytes`);
  }
  // Thrift's variable-length integers, one after another, made as large as they go.
  const answers = { read: 0, refused: 0 };
  for (let at = footerStart; at < end - 5; at += 7) {
    const liar = Buffer.from(parquet);
    liar.fill(0xff, at, at + 4);
    const answer = await upload('sizes.parquet', liar);
    if (answer.status === 201) answers.read++;
    else assertRefused(answer, `0xff at ${at}`);
  }
  await assertNothingLeft();
});

const utf16 = (text) => Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(text, 'utf16le')]);
const archive = () => {
  const content = deflateRawSync(Buffer.from('a,b\n1,2\n'));
  const head = Buffer.alloc(30);
  head.writeUInt32LE(0x04034b50, 0);
  head.writeUInt16LE(8, 8);
  head.writeUInt32LE(content.length, 18);
  head.writeUInt16LE(5, 26);
  return Buffer.concat([head, Buffer.from('a.csv'), content]);
};

/** [file name, bytes, parameters]: read or refused. */
const odd = [
  ['deep.json', Buffer.from('['.repeat(100_000) + ']'.repeat(100_000))],
  ['deep.json', Buffer.from('{"a":'.repeat(100_000) + '1' + '}'.repeat(100_000))],
  ['deepvalue.csv', Buffer.from(`a,b\n1,"${'['.repeat(100_000)}${']'.repeat(100_000)}"\n`)],
  ['odd.csv', Buffer.concat([utf16('a,b\n1,2\n'), Buffer.from([0x41])])],
  ['claims.csv', Buffer.from('a,b\n1,2\n'), { encoding: 'utf-16le' }],
  ['claims.csv', Buffer.from('a,b\n1,2\n3'), { encoding: 'utf-16be' }],
  ['surrogates.csv', Buffer.concat([utf16('a,b\n'), Buffer.from([0x00, 0xd8, 0x2c, 0x00, 0x00, 0xdc, 0x0a, 0x00])])],
  ['unknown.csv', Buffer.from('a,b\n1,2\n'), { encoding: 'ebcdic-37' }],
  ['nul.csv', Buffer.from('a,b\n1,\0\0\0\n\0,2\n')],
  ['nuls.csv', Buffer.alloc(1 << 20)],
  ['binary.csv', Buffer.from(Array.from({ length: 65_536 }, (_, i) => (i * 7919) & 255))],
  ['latin.csv', Buffer.from('a,b\n\xff\xfe\xfd,2\n', 'latin1'), { encoding: 'utf-8' }],
  ['quote.csv', Buffer.from('a,b\n"1,2\n3,4\n')],
  ['delimiter.csv', Buffer.from('a,b\n1,2\n'), { delimiter: '\n' }],
  ['delimiter.csv', Buffer.from('a,b\n1,2\n'), { delimiter: '"', quote: '"' }],
  ['names.csv', Buffer.from('"a\u0000b","../x","","a""b","\u001b[31m"\n1,2,3,4,5\n')],
  ['same.csv', Buffer.from(`${'a,'.repeat(1000)}a\n${'1,'.repeat(1000)}1\n`)],
  ['archive.csv', archive()],
  ['archive.zip', archive()],
  ['cut.csv.gz', gzipSync('a,b\n1,2\n').subarray(0, 20)],
  ['crc.csv.gz', (() => { const z = gzipSync('a,b\n1,2\n'.repeat(1000)); z[z.length - 6] ^= 1; return z; })()],
  ['twice.csv.gz', gzipSync(gzipSync('a,b\n1,2\n'))],
  ['junk.csv.gz', Buffer.concat([gzipSync('a,b\n1,2\n'), Buffer.from('junk behind it')])],
  ['not.parquet', Buffer.from('a,b\n1,2\n')],
  ['short.parquet', Buffer.from('PAR1')],
  ['both.parquet', Buffer.from('PAR1PAR1')],
  ['numbers.json', Buffer.from(`[{"a":${'9'.repeat(100_000)}},{"a":1e999999},{"a":-0}]`)],
  ['keys.json', Buffer.from('[{"a":1,"a":2,"":3,"\\u0000":4}]')],
  ['lone.json', Buffer.from('[{"a":"\\ud800"}]')],
  ['not.json', Buffer.from('{"a":1}}}}{{{{')],
  ['sqlite.csv', Buffer.concat([Buffer.from('SQLite format 3\0'), Buffer.alloc(4080)])],
  ['program.csv', Buffer.concat([Buffer.from('\x7fELF\x02\x01\x01'), Buffer.alloc(4089, 0x90)])],
];

for (const [i, [name, bytes, parameters]] of odd.entries()) {
  test(`read or refused: ${name} (${i})`, async () => {
    const answer = await upload(name, bytes, { ...parameters, name: `odd_${i}` });
    if (answer.status === 201) {
      const rows = await query(server, `SELECT count(*) FROM odd_${i}`);
      assert.equal(rows.status, 200, JSON.stringify(rows));
    } else {
      assertRefused(answer, name);
    }
  });
}

// What the server's own threads are writing at that moment (the event journal) stands in .tmp/ under a name of its own.
test('names of files do not lead anywhere', async () => {
  const names = ['../../../etc/passwd.csv', '/etc/cron.d/x.csv', '..\\..\\x.csv', '....csv', '.csv', `${'n'.repeat(4096)}.csv`, 'a\u0001b\u001b[2J.csv', 'a\r\nX-Evil: 1.csv', "'; DROP TABLE x; --.csv", '\u202egnp.csv', '_catalog/log/x.csv', 'CON.csv', '%2e%2e%2fx.csv'];
  const before = filesBelow(path.join(server.dataDir, 'objects')).filter((file) => !/objects\/(datasets|_|\.tmp\/)/.test(file));
  for (const [i, name] of names.entries()) {
    const form = new FormData();
    form.append('file', new Blob([`a,b\n${i},30\n`]), name);
    const response = await fetch(`${server.url}/ingest/file`, { method: 'POST', body: form });
    const body = await response.json();
    if (response.status === 201) assert.match(body.dataset, /^[a-z0-9_]+$/, name);
    else assertRefused({ status: response.status, body }, name);
    const direct = await upload(name, Buffer.from(`c,d\n${i},20\n`));
    if (direct.status === 201) assert.match(direct.body.dataset, /^[a-z0-9_]+$/, name);
    else assertRefused(direct, name);
  }
  assert.deepEqual(filesBelow(path.join(server.dataDir, 'objects')).filter((file) => !/objects\/(datasets|_|\.tmp\/)/.test(file)), before);
  for (const name of ['x'.repeat(5000), 'a\u0001b', 'a\nb']) {
    assertRefused(await upload('a.csv', 'a,b\n1,2\n', { name }), `the dataset name ${JSON.stringify(name.slice(0, 20))}`);
  }
  // Any other text is a name: it becomes one folder's, encoded, SQL quotes it, and a URL can name it.
  for (const [i, name] of ['../x', '..', 'a/../b', './x', '_errors', 'a/b', 'a b', 'ä', 'select;', "'\"'", 'x'.repeat(120), '..x', '%2e%2e'].entries()) {
    const answer = await upload('a.csv', `a,b\n1,${i + 100}\n`, { name });
    if (answer.status !== 201) {
      assertRefused(answer, `the dataset name ${name}`);
      continue;
    }
    assert.equal((await fetch(`${server.url}/catalog/datasets/by-name/${encodeURIComponent(name)}`)).status, 200, name);
    const rows = await query(server, `SELECT b FROM "${name.replaceAll('"', '""')}"`);
    assert.deepEqual(rows.rows, [[i + 100]], `${name}: ${JSON.stringify(rows)}`);
  }
});

const part = (head, body) => `--B\r\n${head}\r\n\r\n${body}\r\n`;
const file = part('Content-Disposition: form-data; name="file"; filename="a.csv"', 'a,b\n1,2');
const form = 'multipart/form-data; boundary=B';

const multiparts = {
  'no boundary': ['multipart/form-data', `${file}--B--\r\n`],
  'an empty boundary': ['multipart/form-data; boundary=', `${file}--B--\r\n`],
  'a boundary of 200 letters': [`multipart/form-data; boundary=${'B'.repeat(200)}`, `${file}--B--\r\n`],
  'another kind of multipart': ['multipart/byteranges; boundary=B', `${file}--B--\r\n`],
  'no part': [form, '--B--\r\n'],
  'nothing': [form, ''],
  'no end': [form, file],
  'cut in a head': [form, '--B\r\nContent-Disposition: form-da'],
  'cut in a body': [form, file.slice(0, -4)],
  'no disposition': [form, `${part('Content-Type: text/csv', 'a,b\n1,2')}--B--\r\n`],
  'no name': [form, `${part('Content-Disposition: form-data', 'a,b\n1,2')}--B--\r\n`],
  'the file twice': [form, `${file}${file}--B--\r\n`],
  'a field twice': [form, `${part('Content-Disposition: form-data; name="mode"', 'create').repeat(2)}${file}--B--\r\n`],
  'a field nobody knows': [form, `${part('Content-Disposition: form-data; name="evil"', '1')}${file}--B--\r\n`],
  'ten thousand parts': [form, `${part('Content-Disposition: form-data; name="mode"', 'create').repeat(10_000)}--B--\r\n`],
  'a head of 1 MB': [form, `--B\r\nContent-Disposition: form-data; name="file"; filename="${'x'.repeat(1 << 20)}"\r\n\r\na\r\n--B--\r\n`],
  'a field of 1 MB': [form, `${part('Content-Disposition: form-data; name="mode"', 'x'.repeat(1 << 20))}${file}--B--\r\n`],
  'multipart in multipart': [form, `${part('Content-Disposition: form-data; name="x"\r\nContent-Type: multipart/mixed; boundary=C', '--C\r\nContent-Disposition: form-data; name="file"\r\n\r\na\r\n--C--')}--B--\r\n`],
  'NUL in a field': [form, `${part('Content-Disposition: form-data; name="mode"', 'cre\0ate')}${file}--B--\r\n`],
  'NUL in a head': [form, `${part('Content-Disposition: form-data; name="file"; filename="a\0.csv"', 'a,b\n1,2')}--B--\r\n`],
};

for (const [name, [type, body]] of Object.entries(multiparts)) {
  test(`refuses an upload: ${name}`, async () => {
    const response = await fetch(`${server.url}/ingest/file`, { method: 'POST', headers: { 'content-type': type }, body });
    assertRefused({ status: response.status, body: await response.json() }, name);
  });
}

test('an upload that breaks off leaves nothing', async () => {
  const host = 'Host: localhost\r\n';
  for (const bytes of [1, 1000, 300_000]) {
    const head = `POST /ingest/file?name=broken HTTP/1.1\r\n${host}Content-Type: ${form}\r\nContent-Length: 10000000\r\n\r\n`;
    const begin = '--B\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n' + 'a,b\n'.repeat(bytes);
    const reply = await converse(server.url, [head, begin], { end: true, silenceMs: 8000, pauseMs: 100 });
    assert.ok(reply.statuses.every((status) => status >= 400), reply.text);
  }
  await assertNothingLeft();
});

test('the server is well, and its errors are in the journal, not in a heap of files', async () => {
  assert.equal((await fetch(`${server.url}/health`)).status, 200);
  assert.equal((await upload('after.csv', 'a,b\n3,4\n', { name: 'after_all' })).status, 201);
  assert.deepEqual((await query(server, 'SELECT a, b FROM after_all')).rows, [[3, 4]]);
  await assertNothingLeft();
  const resident = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${server.pid}/status`, 'utf8'))[1]);
  assert.ok(resident < 160 * 1024, `the server holds ${resident} KiB`);
});
