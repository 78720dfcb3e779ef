// Tests the running example with clients: OpenAI's own, the platform's API, a client that disconnects, and SIGTERM.
//
// Usage: node clients.mjs PROGRAM FOLDER    FOLDER contains node_modules with openai
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { strict as assert } from 'node:assert';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const [program, folder] = process.argv.slice(2);
const packages = createRequire(path.resolve(folder) + path.sep);
const { default: OpenAI } = await import(pathToFileURL(packages.resolve('openai')));

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function serve() {
  const child = spawn(program, ['--rp_serve_api', '--rp_api_port', '0'], { stdio: ['ignore', 'pipe', 'ignore'] });
  process.on('exit', () => child.kill('SIGKILL'));
  let text = '';
  const port = await new Promise((resolve, reject) => {
    child.stdout.on('data', (more) => {
      text += more;
      const found = /Serving on http:\/\/localhost:(\d+)/.exec(text);
      if (found) resolve(Number(found[1]));
    });
    child.on('exit', () => reject(new Error('the program ended: ' + text)));
  });
  const ended = new Promise((resolve) => child.on('exit', resolve));
  const url = `http://127.0.0.1:${port}`;
  while ((await fetch(url + '/ping')).status !== 200) await pause(20);
  const post = async (where, body) => {
    const headers = { 'Content-Type': 'application/json' };
    return (await fetch(url + where, { method: 'POST', headers, body: JSON.stringify(body ?? {}) })).json();
  };
  const get = async (where) => (await fetch(url + where)).json();
  const status = async (id) => (await get(`/status/${id}`)).status;
  const until = async (id, wanted) => {
    const begun = Date.now();
    for (let seen = await status(id); !wanted.includes(seen); seen = await status(id)) {
      assert.ok(Date.now() - begun < 60000, `the job is ${seen}`);
      await pause(5);
    }
  };
  return { child, ended, url, post, get, status, until };
}

const checks = {
  async 'OpenAI: a chat gives the same text whole and streamed'() {
    for (const base of ['/v1', '/v2/any/openai/v1']) {
      const client = new OpenAI({ apiKey: 'x', baseURL: server.url + base, maxRetries: 0 });
      const asked = { model: 'llama', messages: [{ role: 'user', content: 'bade' }], max_completion_tokens: 40, seed: 5 };
      const whole = await client.chat.completions.create(asked);
      assert.equal(whole.choices[0].message.role, 'assistant');
      assert.ok(whole.choices[0].message.content.length > 20);
      assert.equal(whole.choices[0].finish_reason, whole.usage.completion_tokens === 40 ? 'length' : 'stop');
      let text = '', reason = null, chunks = 0;
      for await (const part of await client.chat.completions.create({ ...asked, stream: true })) {
        text += part.choices[0].delta.content ?? '';
        reason = part.choices[0].finish_reason;
        ++chunks;
      }
      assert.equal(text, whole.choices[0].message.content);
      assert.equal(reason, whole.choices[0].finish_reason);
      assert.ok(chunks > 10);
    }
  },
  async 'OpenAI: completions, models, and refusal of bad requests'() {
    const client = new OpenAI({ apiKey: 'x', baseURL: server.url + '/v1', maxRetries: 0 });
    const asked = { model: 'llama', prompt: 'bade', max_tokens: 20, seed: 5 };
    const whole = await client.completions.create(asked);
    let text = '';
    for await (const part of await client.completions.create({ ...asked, stream: true })) text += part.choices[0].text;
    assert.equal(text, whole.choices[0].text);
    const models = [];
    for await (const model of await client.models.list()) models.push(model.id);
    assert.deepEqual(models, ['llama']);
    await assert.rejects(client.embeddings.create({ model: 'llama', input: 'a' }), { status: 404 });
    await assert.rejects(client.completions.create({ ...asked, max_tokens: -1 }), { status: 422 });
    await assert.rejects(client.completions.create({ ...asked, prompt: 'bade'.repeat(1000) }), { status: 422 });
    const parts = [{ type: 'image_url', image_url: { url: 'http://127.0.0.1/' } }];
    await assert.rejects(client.chat.completions.create({ model: 'llama', messages: [{ role: 'user', content: parts }] }), { status: 422 });
  },
  async 'the platform\'s API: whole, streamed, progress'() {
    const input = { prompt: 'bade', max_tokens: 30, seed: 5 };
    const whole = await server.post('/runsync', { input });
    assert.equal(whole.status, 'COMPLETED');
    const { id } = await server.post('/run', { input: { ...input, stream: true } });
    await server.until(id, ['COMPLETED']);
    const chunks = (await server.get(`/stream/${id}`)).stream.map((one) => one.output).flat();
    assert.equal(chunks.filter((one) => typeof one === 'string').join(''), whole.output.text);
    assert.equal(chunks.at(-1).usage.completion_tokens, whole.output.usage.completion_tokens);
  },
  async 'a cancel in the middle of a job does not affect the others'() {
    const long = { input: { prompt: 'figo', max_tokens: 900, seed: 11 } };
    const started = await Promise.all(Array.from({ length: 8 }, (_, i) => server.post('/run', { input: { ...long.input, seed: 11 + i } })));
    for (const { id } of started) await server.until(id, ['IN_PROGRESS', 'COMPLETED']);
    const begun = Date.now();
    for (const { id } of started.slice(0, 7)) await server.post(`/cancel/${id}`);
    const short = await server.post('/runsync', { input: { prompt: 'bade', max_tokens: 5 } });  // the cancelled jobs' slots are free
    assert.equal(short.status, 'COMPLETED');
    assert.ok(Date.now() - begun < 10000);
    const ends = await Promise.all(started.slice(0, 7).map(({ id }) => server.status(id)));
    assert.ok(ends.filter((one) => one === 'CANCELLED').length >= 5, String(ends));
    await server.until(started[7].id, ['COMPLETED']);
  },
  async 'an OpenAI client that disconnects stops its job'() {
    const client = new OpenAI({ apiKey: 'x', baseURL: server.url + '/v1', maxRetries: 0 });
    let seen = 0;
    const stream = await client.completions.create({ model: 'llama', prompt: 'rosu', max_tokens: 900, seed: 3, stream: true });
    for await (const part of stream) if (part.choices[0].text && ++seen === 3) break;
    assert.equal(seen, 3);
    while ((await server.get('/health')).jobs.inProgress !== 0) await pause(5);
  },
  async 'SIGTERM in the middle of jobs: all get a response, and the status is 0'() {
    const client = new OpenAI({ apiKey: 'x', baseURL: server.url + '/v1', maxRetries: 0 });
    const asked = { model: 'llama', prompt: 'lumä', max_tokens: 60 };
    const answers = Array.from({ length: 8 }, (_, i) => client.completions.create({ ...asked, seed: i }).catch((error) => error));
    while ((await server.get('/health')).jobs.inProgress !== 8) await pause(2);
    server.child.kill('SIGTERM');
    for (const one of await Promise.all(answers)) {  // on a slow machine, the grace period may end some; their error says so
      if (one.status) assert.match(one.message, /the worker leaves, and its grace period is over/);
      else assert.ok(['length', 'stop'].includes(one.choices[0].finish_reason));
    }
    assert.equal(await server.ended, 0);
  },
};

const server = await serve();
let failed = 0;
for (const [name, check] of Object.entries(checks)) {
  try {
    await check();
    console.log('ok: ' + name);
  } catch (error) {
    ++failed;
    console.log('FAILED: ' + name + ': ' + String(error.stack).replaceAll('\n', ' '));
  }
}
process.exit(failed === 0 ? 0 : 1);
