// Rows that were taken away are in no search and no answer: at once, after a compaction, after a refresh; and back when lifted.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { finished, makePeople, people, send } from '../lib/people.mjs';
import { startServer } from './server.mjs';

const found = async (server) => {
  const ids = {};
  for (const mode of ['vector', 'text', 'hybrid']) {
    const { status, body } = await send(server, 'POST', '/vectors/search', { index: 'people', query: 'nurse', mode });
    assert.equal(status, 200, JSON.stringify(body));
    ids[mode] = body.hits.map((hit) => hit.doc_id);
  }
  const asked = await send(server, 'POST', '/vectors/rag', { index: 'people', question: 'Which nurse?' });
  assert.equal(asked.status, 200, JSON.stringify(asked.body));
  const chat = await send(server, 'POST', '/v1/chat/completions', { model: 'lakehouse/people', messages: [{ role: 'user', content: 'Which nurse?' }] });
  assert.equal(chat.status, 200, JSON.stringify(chat.body));
  ids.chat = [...chat.body.lakehouse.passages, ...chat.body.lakehouse.citations].map((p) => p.doc_id);
  ids.rag = [...asked.body.passages, ...asked.body.citations].map((p) => p.doc_id);
  return ids;
};
const appears = (ids, id) => Object.keys(ids).filter((way) => ids[way].includes(id));
const all = ['vector', 'text', 'hybrid', 'chat', 'rag'];

test('a tombstoned row is gone everywhere, whatever happens to its files', async (t) => {
  const server = await startServer({ t, env: { OLLAMA_HOST: '' } });
  await makePeople(server);
  assert.deepEqual(appears(await found(server), '4'), all);
  const path = '/catalog/datasets/people';

  const gone = await send(server, 'POST', `${path}/tombstone`, { row_keys: ['4'], reason: 'asked to' });
  assert.equal(gone.body.tombstoned, 1, JSON.stringify(gone.body));
  assert.deepEqual(appears(await found(server), '4'), []);
  assert.deepEqual(appears(await found(server), '1'), all);

  const back = await send(server, 'POST', `${path}/untombstone`, { row_keys: ['4'] });
  assert.equal(back.body.untombstoned, 1, JSON.stringify(back.body));
  assert.deepEqual(appears(await found(server), '4'), all);

  await send(server, 'POST', `${path}/tombstone`, { row_keys: ['4'] });
  const compaction = await send(server, 'POST', '/query/compact', { dataset: 'people' });
  assert.ok(compaction.status < 300, JSON.stringify(compaction.body));
  if (compaction.body.job_id) await finished(server, compaction.body.job_id);
  assert.deepEqual(appears(await found(server), '4'), [], 'after a compaction');

  const csv = `person_id,city,years,resume\n${people.filter(([id]) => id !== '1' && id !== '4').map(([id, city, years, text]) => `${id},${city},${years},"${text}"`).join('\n')}\n`;
  const replaced = await fetch(`${server.url}/ingest/file?name=people&mode=replace&file_name=people.csv`, { method: 'POST', body: csv });
  assert.ok(replaced.ok, await replaced.text());
  assert.deepEqual(appears(await found(server), '1'), [], 'after a replace');

  const refresh = await send(server, 'POST', '/vectors/refresh/people', {});
  await finished(server, refresh.body.jobs[0].job_id);
  assert.deepEqual(appears(await found(server), '1'), []);
  assert.deepEqual(appears(await found(server), '4'), []);
});
