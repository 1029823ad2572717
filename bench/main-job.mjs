// The main job in numbers: demo lake, start, warm statements, streamed results.
import { performance } from 'node:perf_hooks';
import http from 'node:http';
import { makeTemporaryFolder, runLakehouse, startServer } from '../tests/lib/server.mjs';

const scale = process.env.SCALE ?? '1';
const line = (name, value) => console.log(`${name.padEnd(44)} ${value}`);
const ms = (value) => `${value.toFixed(2)} ms`;

const data = makeTemporaryFolder('lakehouse-bench-');
let began = performance.now();
const demo = await runLakehouse(['demo', '--data', data, '--scale', scale], { timeoutMs: 600_000 });
if (demo.code !== 0) throw new Error(demo.stderr);
line(`demo --scale ${scale}`, `${((performance.now() - began) / 1000).toFixed(1)} s`);

began = performance.now();
const server = await startServer({ dataDir: data });
line('start to listening', ms(performance.now() - began));

const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
function post(body, accept = 'application/json') {
  return new Promise((resolve, reject) => {
    const text = JSON.stringify(body);
    const request = http.request(
      `${server.url}/query/sql`,
      { agent, method: 'POST', headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text), accept } },
      (response) => {
        let bytes = 0;
        response.on('data', (chunk) => (bytes += chunk.length));
        response.on('end', () =>
          response.statusCode === 200 ? resolve(bytes) : reject(new Error(`${response.statusCode} for ${text}`)),
        );
      },
    );
    request.on('error', reject);
    request.end(text);
  });
}

async function percentiles(name, count, body) {
  const times = [];
  for (let i = 0; i < count; i++) {
    const start = performance.now();
    await post(body);
    times.push(performance.now() - start);
  }
  times.sort((a, b) => a - b);
  const at = (q) => ms(times[Math.min(times.length - 1, Math.floor(q * times.length))]);
  line(name, `p50 ${at(0.5)}, p95 ${at(0.95)}, p99 ${at(0.99)} (${count} times)`);
}

began = performance.now();
await post({ sql: 'SELECT 1' });
line('first statement', ms(performance.now() - began));
await percentiles('SELECT 1', 1000, { sql: 'SELECT 1' });
await percentiles('count of candidates', 300, { sql: 'SELECT count(*) FROM candidates' });
await percentiles('join and group over timesheets', 30, {
  sql: 'SELECT p.client_id, sum(t.hours_regular + t.hours_overtime) FROM timesheets t JOIN placements p USING (placement_id) GROUP BY ALL ORDER BY 2 DESC LIMIT 10',
});
for (const accept of ['application/json', 'application/x-ndjson', 'text/csv', 'application/vnd.apache.arrow.stream', 'application/vnd.apache.parquet']) {
  began = performance.now();
  const bytes = await post({ sql: 'SELECT * FROM call_log LIMIT 100000', limit: 100000 }, accept);
  const seconds = (performance.now() - began) / 1000;
  line(`100,000 rows as ${accept.split('/')[1]}`, `${(bytes / 1e6).toFixed(1)} MB in ${seconds.toFixed(2)} s`);
}
agent.destroy();
await server.stop();
