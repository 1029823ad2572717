// A large CSV by upload, generated while it is sent, and the most memory that all processes of the server held meanwhile.
import http from 'node:http';
import { performance } from 'node:perf_hooks';
import { query, startServer } from '../tests/lib/server.mjs';
import { proportionalBytes } from './lib/processes.mjs';

const megabytes = Number(process.env.SIZE_MB ?? 2000);
const server = await startServer();

let most = 0;
const watch = setInterval(() => (most = Math.max(most, proportionalBytes(server.pid))), 200);

const boundary = `bench-${process.pid}`;
function* body() {
  yield `--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="large.csv"\r\nContent-Type: text/csv\r\n\r\n`;
  yield 'id,name,amount,day,note\n';
  let id = 0;
  for (let sent = 0; sent < megabytes * 1e6; ) {
    let block = '';
    for (let i = 0; i < 10_000; i++, id++) {
      block += `${id},Person ${id % 9973},${((id * 7919) % 1_000_000) / 100},2026-0${1 + (id % 9)}-1${id % 10},note number ${id} of the upload\n`;
    }
    sent += block.length;
    rows = id;
    yield block;
  }
  yield `\r\n--${boundary}--\r\n`;
}

let rows = 0;
const began = performance.now();
const answer = await new Promise((resolve, reject) => {
  const request = http.request(
    `${server.url}/ingest/file`,
    { method: 'POST', headers: { 'content-type': `multipart/form-data; boundary=${boundary}` } },
    (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk) => (text += chunk));
      response.on('end', () => resolve({ status: response.statusCode, text }));
    },
  );
  request.on('error', reject);
  const parts = body();
  const pump = () => {
    for (let next = parts.next(); ; next = parts.next()) {
      if (next.done) {
        request.end();
        return;
      }
      if (!request.write(next.value)) {
        request.once('drain', pump);
        return;
      }
    }
  };
  pump();
});
clearInterval(watch);
const seconds = (performance.now() - began) / 1000;
console.log(`status ${answer.status}: ${answer.text.slice(0, 300)}`);
console.log(`${megabytes} MB, ${rows} rows in ${seconds.toFixed(1)} s; most memory ${(most / 1e6).toFixed(0)} MB`);
const counted = await query(server, 'SELECT count(*) FROM large');
console.log(`rows in the dataset: ${counted.rows?.[0]?.[0] ?? JSON.stringify(counted)}`);
await server.stop();
