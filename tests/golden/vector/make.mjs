// Writes graph.vec: a graph of four rows in the bytes that docs/formats/vector-file.md describes, sharing no code with
// the program.  Its codes are empty and their error bounds wide, so every answer comes from the rows and is exact.
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

const meta = Buffer.alloc(40);
[m, 100, rows.length, 0, 1, padded].forEach((v, i) => meta.writeUInt32LE(v, 4 * i));
meta.writeBigUInt64LE(BigInt(stride), 24);
meta.writeBigUInt64LE((1n << 32n) | 2n, 32); // the entry: row 2, on level 1

const centroid = Buffer.alloc(4 * padded);
const live = Buffer.from([0b1111, 0, 0, 0]);
const upper = Buffer.alloc(4 * m);
[none, none].forEach((v, i) => upper.writeUInt32LE(v, 4 * i));
const links = Buffer.alloc(rows.length * 2 * m * 4);
[[1, 2, 3, none], [0, 2, none, none], [0, 1, 3, none], [2, 0, none, none]].flat()
  .forEach((v, i) => links.writeUInt32LE(v, 4 * i));

const nodes = Buffer.alloc(rows.length * stride);
rows.forEach(([x, y], id) => {
  const tail = id * stride + padded / 2;
  const norm2 = x * x + y * y;
  nodes.writeFloatLE(norm2, tail); // add
  nodes.writeFloatLE(0, tail + 4); // rescale
  nodes.writeFloatLE(1000, tail + 8); // error
  nodes.writeFloatLE(norm2, tail + 12); // pair
  nodes.writeFloatLE(norm2 ? 1 / Math.sqrt(norm2) : 0, tail + 16);
  nodes.writeUInt32LE(0, tail + 20); // its first list above level 0
  nodes.writeUInt32LE(id === 2 ? 1 : 0, tail + 24); // level
});
const full = Buffer.alloc(rows.length * 2 * 4);
rows.flat().forEach((v, i) => full.writeFloatLE(v, 4 * i));

const sections = { META: meta, CENT: centroid, LIVE: live, UPPR: upper, LINK: links, NODE: nodes, ROWS: full };
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
[1, 2, 0, 2].forEach((v, i) => header.writeUInt32LE(v, 8 + 4 * i)); // version, kind, metric, d
header.writeBigUInt64LE(BigInt(rows.length), 24);
header.writeBigUInt64LE(7n, 32); // seed
header.writeBigUInt64LE(BigInt(end), 40);
header.writeUInt32LE(Object.keys(sections).length, 48);
header.writeUInt32LE(crc32c(table), 52);
header.writeUInt32LE(crc32c(header.subarray(0, 60)), 60);
writeFileSync(new URL('graph.vec', import.meta.url),
  Buffer.concat([header, table, Buffer.alloc(4096 - 64 - table.length), ...parts]));
