// Tests a real server with real clients: the unmodified packages runpod-sdk and openai, and the console in Chromium.
//
// Usage: node npm_clients.mjs PROGRAM FOLDER [SCREENSHOT]
//   PROGRAM is built from serve_program.cpp. FOLDER contains node_modules with runpod-sdk, openai and playwright-core:
//   npm install --prefix FOLDER runpod-sdk openai playwright-core
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { existsSync } from 'node:fs';
import { strict as assert } from 'node:assert';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const [program, folder, screenshot] = process.argv.slice(2);
const packages = createRequire(path.resolve(folder) + path.sep);
const load = async (name) => import(pathToFileURL(packages.resolve(name)));

async function serve(...flags) {
  const child = spawn(program, [...flags, '--rp_serve_api', '--rp_api_port', '0'], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  const port = await new Promise((resolve, reject) => {
    child.stdout.on('data', (more) => {
      text += more;
      const found = /Serving on http:\/\/localhost:(\d+)/.exec(text);
      if (found) resolve(Number(found[1]));
    });
    child.on('exit', () => reject(new Error('the server ended: ' + text)));
  });
  const ended = new Promise((resolve) => child.on('exit', resolve));
  return { port, leave: async () => { child.kill('SIGTERM'); assert.equal(await ended, 0); } };
}

async function check_runpod_sdk() {
  const made = await load('runpod-sdk');
  const sdk = typeof made.default === 'function' ? made.default : made.default.default;
  const plain = await serve();
  const endpoint = sdk('key', { baseUrl: `http://127.0.0.1:${plain.port}/v2` }).endpoint('any');
  const run = await endpoint.run({ input: { ms: 300, answer: 'a' } });
  assert.equal(run.status, 'IN_QUEUE');
  assert.ok(['IN_QUEUE', 'IN_PROGRESS'].includes((await endpoint.status(run.id)).status));
  const ended = await endpoint.statusSync(run.id);
  assert.deepEqual([ended.status, ended.output, ended.completed], ['COMPLETED', 'a', true]);
  const sync = await endpoint.runSync({ input: { ms: 10, answer: 'b' } });
  assert.deepEqual([sync.status, sync.output], ['COMPLETED', 'b']);
  const long = await endpoint.run({ input: { ms: 60000 } });
  assert.equal((await endpoint.cancel(long.id)).status, 'CANCELLED');
  for (let i = 0; i < 6; ++i) await endpoint.run({ input: { ms: 2000 } });
  assert.equal((await endpoint.health()).jobs.inQueue, 2);
  assert.deepEqual(await endpoint.purgeQueue(), { removed: 2, status: 'completed' });
  await plain.leave();
  const counting = await serve('--stream');
  const streaming = sdk('key', { baseUrl: `http://127.0.0.1:${counting.port}/v2` }).endpoint('any');
  const job = await streaming.run({ input: { count: 5, ms: 50 } });
  const chunks = [];
  for await (const chunk of streaming.stream(job.id)) chunks.push(chunk.output);
  assert.deepEqual(chunks, [1, 2, 3, 4, 5]);
  await counting.leave();
  console.log('runpod-sdk: run, runSync, status, statusSync, cancel, health, purgeQueue, stream');
}

async function check_openai() {
  const { default: OpenAI } = await load('openai');
  const server = await serve('--openai');
  for (const base of ['/v1', '/v2/any/openai/v1']) {
    const client = new OpenAI({ apiKey: 'x', baseURL: `http://127.0.0.1:${server.port}${base}`, maxRetries: 0 });
    const messages = [{ role: 'user', content: 'hi' }];
    const whole = await client.chat.completions.create({ model: 'tiny', messages });
    assert.equal(whole.choices[0].message.content, 'Hello, world');
    let text = '';
    for await (const part of await client.chat.completions.create({ model: 'tiny', messages, stream: true }))
      text += part.choices[0].delta.content;
    assert.equal(text, 'Hello, world');
    const models = [];
    for await (const model of await client.models.list()) models.push(model.id);
    assert.deepEqual(models, ['tiny']);
    await assert.rejects(client.chat.completions.create({ model: 'none', messages }), { status: 404 });
  }
  await server.leave();
  console.log('openai: chat.completions, streamed and not, models, an error');
}

async function check_console() {
  const chromium_path = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);
  if (!chromium_path) return console.log('console: not checked, because Chromium is not installed');
  const loaded = await load('playwright-core');
  const { chromium } = loaded.chromium ? loaded : loaded.default;
  const browser = await chromium.launch({ executablePath: chromium_path, args: ['--no-sandbox'] });
  const problems = [];
  const open = async (server, options) => {
    const page = await browser.newPage({ viewport: { width: 1200, height: 900 }, ...options });
    page.on('pageerror', (error) => problems.push(String(error)));
    page.on('console', (line) => { if (line.type() === 'error' && !/429/.test(line.text())) problems.push(line.text()); });
    page.on('request', (request) => {
      const url = request.url();
      if (!url.startsWith(`http://localhost:${server.port}/`) && !url.startsWith('data:')) problems.push('requests ' + url);
    });
    await page.goto(`http://localhost:${server.port}/`);
    return page;
  };
  const plain = await serve();
  let page = await open(plain);
  await page.fill('#raw', '{"ms": 1500, "answer": "<b>bold</b>"}');
  await page.click('#one');
  await page.waitForSelector('.IN_PROGRESS');
  await page.waitForSelector('.COMPLETED');
  assert.equal(await page.locator('#jobs b').count(), 0, 'the console shows outputs as text, not as HTML');
  await page.fill('#raw', '{"ms": 60000}');
  await page.click('#one');
  await page.waitForSelector('.IN_PROGRESS');
  await page.click('li:first-child button');
  await page.waitForSelector('.CANCELLED');
  await page.fill('#raw', '{"ms": 100}');
  await page.fill('#count', '200');
  await page.fill('#rate', '1000');
  await page.click('#many');
  await page.waitForFunction(() => document.querySelectorAll('.COMPLETED').length >= 201, null, { timeout: 60000 });
  if (screenshot) await page.screenshot({ path: screenshot });
  await page.close();
  await plain.leave();
  const typed = await serve('--typed');
  page = await open(typed, { colorScheme: 'dark' });
  await page.waitForSelector('[data-name=fruit]');
  await page.fill('[data-name=fruit]', 'apple');
  await page.fill('[data-name=count]', '3');
  await page.keyboard.press('Enter');
  await page.waitForSelector('.COMPLETED');
  await page.keyboard.press('Tab');
  await page.close();
  await typed.leave();
  const counting = await serve('--stream');
  page = await open(counting, { viewport: { width: 390, height: 844 } });
  await page.fill('#raw', '{"ms": 200, "count": 4}');
  await page.click('#one');
  await page.waitForSelector('.COMPLETED');
  await page.locator('summary').first().click();
  assert.ok((await page.locator('pre').allTextContents()).includes('1\n2\n3\n4\n'));
  const wide = await page.evaluate(() => document.documentElement.scrollWidth);
  assert.ok(wide <= 390, 'the page fits a phone');
  await page.close();
  await counting.leave();
  await browser.close();
  assert.deepEqual(problems, []);
  console.log('console: a job, a cancel, 200 at once, a form, a stream; light, dark, on a phone');
}

await check_runpod_sdk();
await check_openai();
await check_console();
process.exit(0);
