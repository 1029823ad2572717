// A small dataset with texts, and an index over it.
import assert from 'node:assert/strict';

export const people = [
  ['1', 'Austin', 12, 'Registered nurse. Ten years of intensive care in Austin hospitals. Ventilators and triage.'],
  ['2', 'Dallas', 3, 'Forklift driver and warehouse clerk. Night shifts. Inventory with SAP.'],
  ['3', 'Austin', 7, 'Senior C++ developer. Also C# and .NET. Databases, storage engines, search.'],
  ['4', 'Houston', 1, 'Pediatric nurse, newly graduated. Speaks Spanish.'],
  ['5', 'Dallas', 9, 'Müller & Sons: welder, pipe fitter, steel frames.'],
];

/** A JSON request; the status and the parsed answer.  Never throws on an HTTP error. */
export async function send(server, method, path, body, headers = {}) {
  const reply = await fetch(`${server.url}${path}`, {
    method,
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await reply.text();
  return { status: reply.status, body: text ? JSON.parse(text) : null };
}

/** The dataset `people`, with the key person_id, and the index `people` over its resumes. */
export async function makePeople(server, { rows = people, index = {}, headers = {} } = {}) {
  const csv = ['person_id,city,years,resume', ...rows.map(([id, city, years, text]) => `${id},${city},${years},"${text}"`)].join('\n');
  const reply = await fetch(`${server.url}/ingest/file?name=people&primary_key=person_id&file_name=people.csv`, { method: 'POST', headers, body: `${csv}\n` });
  assert.ok(reply.ok, await reply.text());
  const made = await send(server, 'POST', '/vectors/index', { name: 'people', dataset: 'people', id_column: 'person_id', text_column: 'resume', ...index }, headers);
  assert.equal(made.status, 202, JSON.stringify(made.body));
  await finished(server, made.body.job_id, headers);
}

export async function finished(server, id, headers = {}) {
  for (let i = 0; i < 600; i++) {
    const { body } = await send(server, 'GET', `/jobs/${id}`, undefined, headers);
    if (!['queued', 'running', 'waiting'].includes(body.state)) return assert.equal(body.state, 'done', JSON.stringify(body));
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('the job does not end');
}
