// Profiles: a model slot that changes hands, indexes that are there when it has, searches that stay within their bounds; and
// indexes that move to another bucket.
import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { startModelServer } from '../lib/model_server.mjs';
import { makeTemporaryFolder, startServer } from '../lib/server.mjs';

let server;
let models;

async function ask(method, route, body) {
  const reply = await fetch(server.url + route, {
    method,
    headers: body === undefined ? {} : { 'content-type': 'application/json' },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await reply.text();
  return { status: reply.status, body: text ? JSON.parse(text) : null };
}

async function finished(id) {
  for (let i = 0; i < 600; i++) {
    const { body } = await ask('GET', `/vectors/jobs/${id}`);
    if (!['queued', 'running', 'waiting'].includes(body.state)) return assert.equal(body.state, 'done', JSON.stringify(body));
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('the job does not end');
}

async function upload(name, texts) {
  const csv = ['id,words', ...texts.map((text, i) => `${i + 1},${text}`)].join('\n') + '\n';
  const reply = await fetch(`${server.url}/ingest/file?name=${name}&mode=create&file_name=${name}.csv`, { method: 'POST', body: csv });
  assert.ok(reply.ok, await reply.text());
}

before(async () => {
  models = await startModelServer();
  models.models.push('other-writer');
  server = await startServer({ env: { OLLAMA_HOST: `127.0.0.1:${models.port}`, OPENAI_API_KEY: '' } });
  await upload('people', ['night nurse in Austin', 'forklift driver']);
  await upload('jobs', ['nurse wanted', 'welder wanted']);
  await upload('secrets', ['the nurse earns too little']);
  const made = await ask('POST', '/vectors/index', { name: 'secrets', dataset: 'secrets', id_column: 'id', text_column: 'words' });
  await finished(made.body.job_id);
});
after(async () => {
  await server.stop();
});

test('a profile is defined, read, replaced and refused with reasons', async () => {
  const made = await ask('POST', '/catalog/profiles', { id: 'plain', datasets: ['people'], description: 'words only' });
  assert.equal(made.status, 201);
  assert.equal(made.body.model, 'builtin/lexical-1');
  assert.equal((await ask('POST', '/catalog/profiles', { id: 'plain', datasets: ['people'] })).status, 409);
  const replaced = await ask('PUT', '/catalog/profiles/plain', { datasets: ['people', 'jobs'] });
  assert.deepEqual(replaced.body.datasets.map((d) => d.dataset), ['people', 'jobs']);
  assert.equal(replaced.body.created_at, made.body.created_at);
  assert.deepEqual((await ask('GET', '/catalog/profiles')).body.items.map((p) => [p.id, p.active]), [['plain', false]]);

  for (const [body, status, text] of [
    [{ id: 'bad', datasets: [] }, 400, /1 to 100/],
    [{ id: 'bad', datasets: ['nowhere'] }, 404, /nowhere/],
    [{ id: 'bad', datasets: [{ dataset: 'people', id_column: 'id', text_column: 'wrods' }] }, 404, /wrods/],
    [{ id: 'bad', datasets: ['people'], model: 'lexical-9/x' }, 404, /lexical-9/],
    [{ id: 'bad', datasets: ['people'], backend: 'magic' }, 400, /magic/],
    [{ id: '../bad', datasets: ['people'] }, 400, /cannot be the id of a profile/],
    [{ id: 'bad', datasets: ['people'], colour: 1 }, 400, /colour/],
  ]) {
    const answer = await ask('POST', '/catalog/profiles', body);
    assert.equal(answer.status, status, JSON.stringify(answer.body));
    assert.match(answer.body.detail, text);
  }
  assert.equal((await ask('GET', '/catalog/profiles/nobody')).status, 404);
  assert.equal((await ask('PUT', '/catalog/profiles/nobody', { datasets: ['people'] })).status, 404);
  assert.equal((await ask('PUT', '/catalog/profiles/plain', { id: 'other', datasets: ['people'] })).status, 400);
});

test('activation builds what is missing, and a search stays within the bindings', async () => {
  await ask('POST', '/catalog/profiles', {
    id: 'recruiting',
    datasets: [{ dataset: 'people', id_column: 'id', text_column: 'words' }, 'jobs'],
    backend: 'flat',
  });
  const early = await ask('POST', '/vectors/profile/recruiting/search', { query: 'nurse' });
  assert.equal(early.status, 409);
  assert.match(early.body.hint, /activate/);

  const activated = await ask('POST', '/vectors/profile/recruiting/activate', {});
  assert.equal(activated.status, 200, JSON.stringify(activated.body));
  assert.equal(activated.body.replaced, null);
  assert.deepEqual(activated.body.models, [{ model: 'builtin/lexical-1', state: 'always_there' }]);
  const [people, jobs] = activated.body.indexes;
  assert.deepEqual([people.index, people.state], ['recruiting-people', 'building']);
  assert.equal(jobs.state, 'missing');
  assert.match(jobs.hint, /vectors\/index/);
  await finished(people.job_id);

  const found = await ask('POST', '/vectors/profile/recruiting/search', { query: 'nurse', k: 1 });
  assert.deepEqual([found.body.index, found.body.hits[0].doc_id], ['recruiting-people', '1']);
  const again = await ask('POST', '/vectors/profile/recruiting/activate', {});
  assert.equal(again.body.indexes[0].state, 'ready');

  for (const outside of [{ index: 'secrets' }, { dataset: 'secrets' }, { index: 'no-such-index' }]) {
    const refused = await ask('POST', '/vectors/profile/recruiting/search', { query: 'nurse', ...outside });
    assert.equal(refused.status, 403, JSON.stringify(refused.body));
  }
  assert.equal((await ask('POST', '/vectors/profile/recruiting/search', { query: 'nurse', index: 'recruiting-people' })).status, 200);
  assert.equal((await ask('DELETE', '/catalog/profiles/recruiting')).status, 409);
  assert.equal((await ask('GET', '/vectors/profile/active')).body.profile.id, 'recruiting');
});

test('the model slot changes hands, and stays where the new model cannot be loaded', async () => {
  for (const [id, generator] of [['one', 'ollama/writer'], ['two', 'ollama/other-writer'], ['three', 'ollama/absent']])
    assert.equal((await ask('POST', '/catalog/profiles', { id, datasets: ['people'], generator })).status, 201);
  const first = await ask('POST', '/vectors/profile/one/activate', {});
  assert.equal(first.body.replaced, 'recruiting');
  assert.deepEqual([...models.loaded], ['writer']);
  const second = await ask('POST', '/vectors/profile/two/activate', {});
  assert.ok(second.body.models.some((m) => m.model === 'ollama/writer' && m.state === 'unloaded'));
  assert.deepEqual([...models.loaded], ['other-writer']);

  const third = await ask('POST', '/vectors/profile/three/activate', {});
  assert.equal(third.status, 404);
  assert.equal((await ask('GET', '/vectors/profile/active')).body.profile.id, 'two');
  assert.deepEqual([...models.loaded], ['other-writer']);

  assert.equal((await ask('POST', '/vectors/profile/one/deactivate', {})).status, 409);
  assert.equal((await ask('POST', '/vectors/profile/two/deactivate', {})).body.profile, null);
  assert.deepEqual([...models.loaded], []);
  assert.equal((await ask('GET', '/vectors/profile/active')).body.profile, null);
  assert.equal((await ask('DELETE', '/catalog/profiles/two')).status, 204);
});

test("a profile's bucket is made, and an index moves there and back", async () => {
  await ask('POST', '/catalog/profiles', {
    id: 'apart',
    datasets: [{ dataset: 'jobs', id_column: 'id', text_column: 'words' }],
    bucket: 'apart',
  });
  const activated = await ask('POST', '/vectors/profile/apart/activate', {});
  assert.equal(activated.status, 200, JSON.stringify(activated.body));
  await finished(activated.body.indexes[0].job_id);
  const folder = path.join(server.dataDir, 'buckets/apart/_vectors/data/apart-jobs');
  assert.ok(readdirSync(folder).length > 0, 'the objects are in the bucket');
  assert.ok(!existsSync(path.join(server.dataDir, 'objects/_vectors/data/apart-jobs')));
  const found = await ask('POST', '/vectors/profile/apart/search', { query: 'welder', k: 1 });
  assert.equal(found.body.hits[0].doc_id, '2');

  const moved = await ask('PATCH', '/vectors/indexes/apart-jobs', { bucket: 'primary' });
  assert.equal(moved.status, 200, JSON.stringify(moved.body));
  const { items } = (await ask('GET', '/vectors/jobs?index=apart-jobs')).body;
  await finished(items[0].id);
  const index = (await ask('GET', '/vectors/indexes/apart-jobs')).body;
  assert.deepEqual([index.bucket, index.generation.bucket], ['primary', 'primary']);
  assert.ok(!existsSync(folder) || readdirSync(folder, { recursive: true }).length === 0 || !readdirSync(folder).some((name) => readdirSync(path.join(folder, name)).length));
  const after = await ask('POST', '/vectors/search', { index: 'apart-jobs', query: 'welder', k: 1 });
  assert.equal(after.body.hits[0].doc_id, '2');
  assert.equal((await ask('PATCH', '/vectors/indexes/apart-jobs', { bucket: 'nowhere' })).status, 404);
  assert.equal((await ask('POST', '/vectors/profile/apart/search', { query: 'welder' })).status, 409);
});

test('profiles outlive a restart', async () => {
  const dataDir = makeTemporaryFolder();
  const kept = server;
  try {
    server = await startServer({ dataDir, env: { OLLAMA_HOST: '', OPENAI_API_KEY: '' } });
    await upload('people', ['a']);
    await ask('POST', '/catalog/profiles', { id: 'lasting', datasets: ['people'] });
    await ask('POST', '/vectors/profile/lasting/activate', {});
    await server.kill9();
    server = await startServer({ dataDir, env: { OLLAMA_HOST: '', OPENAI_API_KEY: '' } });
    assert.equal((await ask('GET', '/vectors/profile/active')).body.profile.id, 'lasting');
    await server.stop();
  } finally {
    server = kept;
  }
});

test('a provider that is down is named, and nothing changes', async () => {
  const before = (await ask('GET', '/vectors/profile/active')).body.profile?.id;
  await models.stop();
  const down = await ask('POST', '/vectors/profile/one/activate', {});
  assert.equal(down.status, 502, JSON.stringify(down.body));
  assert.match(down.body.detail, /ollama/);
  assert.equal((await ask('GET', '/vectors/profile/active')).body.profile?.id, before);
});
