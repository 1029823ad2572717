// Writes graph.vec, flat.vec, lists.vec and pq.vec: four rows in the bytes that docs/formats/vector-file.md describes, sharing
// no code with the program.  Codes are empty and their error bounds wide, so every answer comes from the rows and is exact.
import { writeFileSync } from 'node:fs';

const crcTable = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let i = 0; i < 8; i++) c = c & 1 ? (c >>> 1) ^ 0x82f63b78 : c >>> 1;
  return c >>> 0;
});
const crc32c = (bytes) => {
  let c = 0xffffffff;
  for (const b of bytes) c = crcTable[(c ^ b) & 255] ^ (c >>> 8);
  return (c ^ 0xffffffff) >>> 0;
};

const rows = [[0, 0], [1, 0], [0, 2], [3, 3]];
const m = 2;
const padded = 64;
const stride = 64;
const none = 0xffffffff;

const meta = Buffer.alloc(48);
[m, 100, rows.length, 0, 1, padded].forEach((v, i) => meta.writeUInt32LE(v, 4 * i));
meta.writeBigUInt64LE(BigInt(stride), 24);
meta.writeBigUInt64LE((1n << 32n) | 2n, 32); // the entry: row 2, on level 1

const origin = Buffer.alloc(4 * padded);
const live = Buffer.from([0b1111, 0, 0, 0]);
const upper = Buffer.alloc(4 * m);
[none, none].forEach((v, i) => upper.writeUInt32LE(v, 4 * i));
const links = Buffer.alloc(rows.length * 2 * m * 4);
[[1, 2, 3, none], [0, 2, none, none], [0, 1, 3, none], [2, 0, none, none]].flat()
  .forEach((v, i) => links.writeUInt32LE(v, 4 * i));

const nodes = Buffer.alloc(rows.length * stride);
rows.forEach(([x, y], id) => {
  const tail = id * stride + padded / 2;
  const square = x * x + y * y;
  nodes.writeFloatLE(square, tail); // add
  nodes.writeFloatLE(0, tail + 4); // rescale
  nodes.writeFloatLE(1000, tail + 8); // error
  nodes.writeFloatLE(square ? 1 / Math.sqrt(square) : 0, tail + 12);
  nodes.writeUInt32LE(0, tail + 16); // its first list above level 0
  nodes.writeUInt32LE(id === 2 ? 1 : 0, tail + 20); // level
});
const full = Buffer.alloc(rows.length * 2 * 4);
rows.flat().forEach((v, i) => full.writeFloatLE(v, 4 * i));

const pageSums = (bytes) =>
  u32(Array.from({ length: Math.ceil(bytes.length / 4096) }, (_, page) => crc32c(bytes.subarray(4096 * page, 4096 * (page + 1)))));
const u32 = (values) => Buffer.from(Uint32Array.from(values).buffer);
const f32 = (values) => Buffer.from(Float32Array.from(values).buffer);

const write = (name, kind, sections) => {
  const table = Buffer.alloc(64 * 32);
  const parts = [];
  let end = 4096;
  Object.entries(sections).forEach(([tag, bytes], i) => {
    const offset = Math.ceil(end / 4096) * 4096;
    parts.push(Buffer.alloc(offset - end), bytes);
    table.write(tag, 32 * i, 'latin1');
    table.writeUInt32LE(crc32c(bytes), 32 * i + 4);
    table.writeBigUInt64LE(BigInt(offset), 32 * i + 8);
    table.writeBigUInt64LE(BigInt(bytes.length), 32 * i + 16);
    end = offset + bytes.length;
  });
  const header = Buffer.alloc(64);
  header.write('LHVECIDX', 0, 'latin1');
  [2, kind, 0, 2].forEach((v, i) => header.writeUInt32LE(v, 8 + 4 * i)); // version, kind, metric, d
  header.writeBigUInt64LE(BigInt(rows.length), 24);
  header.writeBigUInt64LE(7n, 32); // seed
  header.writeBigUInt64LE(BigInt(end), 40);
  header.writeUInt32LE(Object.keys(sections).length, 48);
  header.writeUInt32LE(crc32c(table), 52);
  header.writeUInt32LE(crc32c(header.subarray(0, 60)), 60);
  writeFileSync(new URL(name, import.meta.url),
    Buffer.concat([header, table, Buffer.alloc(4096 - 64 - table.length), ...parts]));
};

const norm2 = ([x, y]) => x * x + y * y;
const lengths = f32(rows.map((row) => (norm2(row) ? 1 / Math.sqrt(norm2(row)) : 0)));

// 32 slots: 16 bytes for each four dimensions, then add, rescale and error of each slot; an empty one is infinitely far.
const block = (ids) => {
  const add = Array.from({ length: 32 }, (_, slot) => (ids[slot] === undefined ? Infinity : norm2(rows[ids[slot]])));
  return Buffer.concat([Buffer.alloc(4 * padded), f32(add), f32(Array(32).fill(0)), f32(Array(32).fill(1000))]);
};
const slots = (lists) => lists.flatMap((ids) => Array.from({ length: 32 }, (_, slot) => ids[slot] ?? none));
const lists = [[2, 0, 3], [1]];
const common = {
  ORIG: origin,
  CENT: f32([...Array(padded).fill(0), ...Array(padded).fill(0.125)]),
  LENS: u32(lists.map((ids) => ids.length)),
  'IDS ': u32(slots(lists)),
};

write('graph.vec', 2, { META: meta, ORIG: origin, LIVE: live, UPPR: upper, LINK: links, LSUM: pageSums(links),
  NODE: nodes, NSUM: pageSums(nodes), ROWS: full });
write('flat.vec', 1, { ORIG: origin, DELE: u32([0b0100, 0]), ILEN: lengths, BLKS: block([0, 1, undefined, 3]), ROWS: full });
const blocks = Buffer.concat(lists.map(block));
write('lists.vec', 3,
  { META: u32([2, 0, 0, padded]), ...common, CODE: blocks, CSUM: pageSums(blocks), ILEN: lengths, ROWS: full });
write('pq.vec', 3, {
  META: u32([2, 1, 8, padded]),
  ...common,
  CODE: Buffer.alloc(8 * 64),
  CSUM: pageSums(Buffer.alloc(8 * 64)),
  ADDS: f32(Array(64).fill(0)),
  WORD: Buffer.alloc(1024 * padded),
  ILEN: lengths,
  ROWS: full,
});
