// `lakehouse check` on a commit log that is not whole: a checkpoint that cannot be read or says something else, a foreign file, a record
// that is gone.
import assert from 'node:assert/strict';
import { cpSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { makeTemporaryFolder, runLakehouse, startServer } from '../lib/server.mjs';

async function makeLake(folder) {
  const dataDir = path.join(folder, 'whole');
  const server = await startServer({ dataDir, env: { LAKEHOUSE__CATALOG__CHECKPOINT_EVERY: '2' } });
  for (let i = 0; i < 5; i++) {
    const made = await fetch(`${server.url}/ingest/file?name=d${i}&file_name=d.csv`, { method: 'POST', body: `id\n${i}\n` });
    assert.equal(made.status, 201);
    await new Promise((resolve) => setTimeout(resolve, 400)); // checkpoints are written in the background
  }
  await server.stop();
  return dataDir;
}

const below = (data, name) => path.join(data, 'objects/_catalog', name);
const record = (version) => `log/${String(version).padStart(20, '0')}.json`;

test('damage of the log is named', async () => {
  const folder = makeTemporaryFolder();
  const whole = await makeLake(folder);
  const checkpoints = readdirSync(below(whole, 'checkpoint'), { recursive: true }).filter((name) => name.endsWith('.parquet')).sort();
  assert.ok(checkpoints.length >= 1);
  const damages = {
    nothing: [() => {}, null],
    'a checkpoint cut short': [(data) => writeFileSync(below(data, `checkpoint/${checkpoints.at(-1)}`), 'PAR1'), /checkpoint_damaged/],
    'a foreign file': [(data) => writeFileSync(below(data, 'log/notes.txt'), 'mine'), /foreign_object/],
    'a record in the middle is gone': [(data) => rmSync(below(data, record(2))), /record_missing/],
    'the last records are gone, a checkpoint of theirs stands': [(data) => [4, 5].forEach((v) => rmSync(below(data, record(v)))), /checkpoint of a version that the log/],
  };
  for (const [name, [damage, expected]] of Object.entries(damages)) {
    const data = path.join(folder, name.replaceAll(' ', '_'));
    cpSync(whole, data, { recursive: true });
    damage(data);
    const run = await runLakehouse(['check', '--data', data, '--json']);
    if (expected) assert.match(run.stdout + run.stderr, expected, `${name}: ${run.stdout}${run.stderr}`);
    else assert.doesNotMatch(run.stdout, /damaged|missing|foreign/, run.stdout);
  }
});
