// make.mjs: writes the golden files of this folder from docs/formats/wal.md alone, sharing no code with the program.
//     node tests/golden/wal/make.mjs
import { writeFileSync } from 'node:fs';

const writer = 0x0123456789abcdefn;
const start = 1763688000000000n;
const records = [
  [1n, start + 1n, '{"n":0}'],
  [2n, start + 2n, '{"bucket":"archive","message":"Gerät voll"}'],
  [3n, start + 3n, '{}'],
  [5n, start + 10n, '{"n":4}'],
];

// CRC-32C, bit by bit: polynomial 0x1edc6f41, reflected.
function crc32c(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let i = 0; i < 8; i++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return (crc ^ 0xffffffff) >>> 0;
}

function withChecksum(head) {
  const sum = Buffer.alloc(4);
  sum.writeUInt32LE(crc32c(head));
  return Buffer.concat([head, sum]);
}

function segmentHeader(version, number) {
  const head = Buffer.alloc(36);
  head.write('LHWAL\r\n\x1a', 0, 'latin1');
  head.writeUInt32LE(version, 8);
  head.writeBigUInt64LE(writer, 12);
  head.writeBigUInt64LE(number, 20);
  head.writeBigInt64LE(start, 28);
  return withChecksum(head);
}

function frame([sequence, time, json]) {
  const payload = Buffer.from(json);
  const head = Buffer.alloc(36);
  head.write('LHRC', 0, 'latin1');
  head.writeUInt32LE(payload.length, 4);
  head.writeBigUInt64LE(writer, 8);
  head.writeBigUInt64LE(sequence, 16);
  head.writeBigInt64LE(time, 24);
  head.writeUInt32LE(crc32c(payload), 32);
  return Buffer.concat([withChecksum(head), payload, Buffer.alloc((8 - (payload.length % 8)) % 8)]);
}

function line([sequence, time, json]) {
  const head = `{"_id":"${writer.toString(16).padStart(16, '0')}-${sequence}","_time_us":${time}`;
  const rest = (json === '{}' ? '' : ',') + json.slice(1);
  const sum = crc32c(Buffer.from(head + rest)).toString(16).padStart(8, '0');
  return `${head},"_crc":"${sum}"${rest}\n`;
}

const write = (name, bytes) => writeFileSync(new URL(name, import.meta.url), bytes);
const whole = Buffer.concat([segmentHeader(1, 7n), ...records.map(frame)]);
const damaged = Buffer.from(whole);
damaged[40 + 48 + 45] ^= 1; // in the payload of the second record
write('version-1.wal', whole);
write('version-1-damaged.wal', damaged);
write('version-1-torn.wal', whole.subarray(0, whole.length - 13));
write('version-2.wal', Buffer.concat([segmentHeader(2, 1n), frame(records[0])]));
write('version-1.jsonl', records.map(line).join(''));
