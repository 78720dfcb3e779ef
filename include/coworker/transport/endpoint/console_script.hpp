#pragma once
// The console's script, as a browser gets it. What comes from jobs is shown as text, never as markup. Must
// not know what serves it.

#include <string_view>

namespace coworker::inline v0_1::detail {

inline constexpr char console_script[] = R"js('use strict';
const $ = (id) => document.getElementById(id);
const make = (tag, className, text) => {
  const one = document.createElement(tag);
  if (className) one.className = className;
  if (text !== undefined) one.textContent = text;
  return one;
};
let token = sessionStorage.getItem('token') || '';
let schema = null;
let raw = true;
let revision = 0;
let answered = true;
const rows = new Map();
const most_rows = 500;

async function ask(method, path, body) {
  const headers = {};
  if (token) headers.Authorization = 'Bearer ' + token;
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  const response = await fetch(path, {method, headers, body});
  if (response.status === 401) $('gate').hidden = false;
  const text = await response.text();
  let value = null;
  try { value = JSON.parse(text); } catch (error) { /* the body is not JSON */ }
  if (!response.ok) {
    const problem = new Error((value && value.error) || response.status + ' ' + text);
    problem.is_full = response.status === 429;
    throw problem;
  }
  return value;
}

// --- the input ---------------------------------------------------------------------------------------------

const bare = (part) => (part.anyOf ? part.anyOf.find((one) => one.type !== 'null') || part : part);
const is_simple = (part) => ['string', 'integer', 'number', 'boolean'].includes(part.type) || Array.isArray(part.enum);

function field(name, given, needed) {
  const part = bare(given);
  const label = make('label', '', name + (needed ? ' (required)' : '') +
    (given.description ? ' - ' + given.description : '') + ' ');
  let input;
  if (Array.isArray(part.enum)) {
    input = make('select');
    if (!needed) input.append(make('option', '', ''));
    for (const value of part.enum) input.append(make('option', '', String(value)));
  } else if (part.type === 'boolean') {
    input = make('input');
    input.type = 'checkbox';
    input.checked = given.default === true;
  } else if (part.type === 'string') {
    input = make('input');
  } else if (is_simple(part)) {
    input = make('input');
    input.type = 'number';
    input.step = part.type === 'integer' ? '1' : 'any';
    if (part.minimum !== undefined) input.min = part.minimum;
    if (part.maximum !== undefined) input.max = part.maximum;
  } else {
    input = make('textarea');
    input.rows = 3;
    input.placeholder = 'JSON';
  }
  if (part.type !== 'boolean' && given.default !== undefined && given.default !== null)
    input.value = typeof given.default === 'object' ? JSON.stringify(given.default) : given.default;
  input.dataset.name = name;
  input.dataset.kind = is_simple(part) ? (Array.isArray(part.enum) ? 'string' : part.type) : 'json';
  input.dataset.needed = needed ? '1' : '';
  label.append(input);
  return label;
}

function show_form() {
  const fields = $('fields');
  fields.replaceChildren();
  const needed = new Set(schema.required || []);
  for (const [name, part] of Object.entries(schema.properties)) fields.append(field(name, part, needed.has(name)));
}

function show_kind() {
  $('fields').hidden = raw;
  $('raw-label').hidden = !raw;
  $('toggle').textContent = raw ? 'as a form' : 'as JSON';
}

function read_input() {
  if (raw) return JSON.parse($('raw').value);
  const made = {};
  for (const one of $('fields').querySelectorAll('[data-name]')) {
    const {name, kind, needed} = one.dataset;
    if (kind === 'boolean') {
      made[name] = one.checked;
    } else if (one.value === '' && !needed) {
      continue;
    } else if (kind === 'string') {
      made[name] = one.value;
    } else if (kind === 'json') {
      made[name] = JSON.parse(one.value);
    } else {
      made[name] = one.value === '' ? null : Number(one.value);
    }
  }
  return made;
}

async function run(again) {
  try {
    await ask('POST', '/run', JSON.stringify({input: read_input()}));
    $('problem').textContent = '';
    return true;
  } catch (error) {
    $('problem').textContent = error.message;
    if (!again || !error.is_full) return false;
  }
  await new Promise((resolve) => setTimeout(resolve, 250));
  return run(true);
}

async function run_many() {
  const pause = 1000 / Math.max(0.1, Number($('rate').value) || 1);
  const start = performance.now();
  for (let i = 0; i < Number($('count').value); ++i) {
    const wait = start + i * pause - performance.now();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    if (!await run(true)) return;
  }
}

// --- jobs --------------------------------------------------------------------------------------------------

const seconds = (ms) => (ms < 1000 ? ms + ' ms' : (ms / 1000).toFixed(1) + ' s');
const is_final = (status) => !['IN_QUEUE', 'IN_PROGRESS'].includes(status);

function new_row(job) {
  const row = {item: make('li'), details: make('details'), parts: {}};
  const summary = make('summary');
  row.status = make('span');
  row.time = make('span');
  row.what = make('span', 'what');
  row.end = make('button', '', 'Cancel');
  row.end.type = 'button';
  row.end.addEventListener('click', (event) => {
    event.preventDefault();
    const what = row.end.dataset.what;
    ask('POST', '/' + what + '/' + encodeURIComponent(job.id)).catch((error) => { $('problem').textContent = error.message; });
  });
  summary.append(row.status, row.time, row.what, row.end);
  row.details.append(summary);
  for (const [name, title] of [['id', 'Id'], ['progress', 'Progress'], ['stream', 'Stream'], ['output', 'Output'],
    ['error', 'Error'], ['log', 'Log']]) {
    const head = make('h3', '', title);
    const text = make('pre');
    head.hidden = text.hidden = true;
    row.details.append(head, text);
    row.parts[name] = {head, text};
  }
  row.item.append(row.details);
  $('jobs').prepend(row.item);
  rows.set(job.id, row);
  if (rows.size > most_rows) {
    const [oldest, dropped] = rows.entries().next().value;
    dropped.item.remove();
    rows.delete(oldest);
  }
  return row;
}

function show_job(job) {
  const row = rows.get(job.id) || new_row(job);
  row.job = job;
  row.seen = performance.now();
  row.status.textContent = job.status;
  row.status.className = 'status ' + job.status;
  const last = (text) => (text ? text.trimEnd().split('\n').pop() : '');
  row.what.textContent = (job.output === '[]' && last(job.stream)) || job.output || job.error || last(job.stream) || job.progress || job.id;
  const again = ['FAILED', 'TIMED_OUT'].includes(job.status);
  row.end.hidden = is_final(job.status) && !again;
  row.end.dataset.what = again ? 'retry' : 'cancel';
  row.end.textContent = again ? 'Retry' : 'Cancel';
  for (const [name, part] of Object.entries(row.parts)) {
    part.head.hidden = part.text.hidden = !job[name];
    if (job[name]) part.text.textContent = job[name];
  }
  show_time(row);
}

function show_time(row) {
  const passed = is_final(row.job.status) ? 0 : Math.round(performance.now() - row.seen);
  const shown = row.job.execution !== undefined ? row.job.execution : row.job.delay;
  row.time.textContent = seconds(shown + passed);
}

// --- curves ------------------------------------------------------------------------------------------------

const kept = 240;
const curves = [
  {title: 'Jobs at once', names: ['running', 'limit'], lines: [[], []], show: (value) => String(value)},
  {title: 'Waiting', names: ['in_queue'], lines: [[]], show: (value) => String(value)},
  {title: 'Per second', names: ['completions', 'arrivals'], lines: [[], []], show: (value) => value.toFixed(1)},
  {title: 'Handler, median', names: ['latency'], lines: [[]], show: (value) => seconds(Math.round(value * 1000))},
  {title: 'Memory', names: ['memory'], lines: [[]], show: (value) => (value / 1e6).toFixed(0) + ' MB'},
];
for (const curve of curves) {
  const figure = make('figure');
  const caption = make('figcaption');
  curve.values = curve.names.map((name, i) => make('span', i === 0 ? 'first' : 'second'));
  caption.append(make('b', '', curve.title), ...curve.values);
  curve.canvas = make('canvas');
  curve.canvas.setAttribute('role', 'img');
  curve.canvas.setAttribute('aria-label', curve.title);
  figure.append(caption, curve.canvas);
  $('curves').append(figure);
}

function draw(curve) {
  const {canvas} = curve;
  const scale = window.devicePixelRatio || 1;
  const width = canvas.width = canvas.clientWidth * scale;
  const height = canvas.height = canvas.clientHeight * scale;
  const pen = canvas.getContext('2d');
  const style = getComputedStyle(document.documentElement);
  const most = Math.max(1e-9, ...curve.lines.flat()) * 1.1;
  pen.lineWidth = 1.5 * scale;
  pen.strokeStyle = style.getPropertyValue('--edge');
  pen.strokeRect(0, 0, width, height);
  for (let i = curve.lines.length - 1; i >= 0; --i) {
    pen.strokeStyle = style.getPropertyValue(i === 0 ? '--first' : '--second');
    pen.beginPath();
    curve.lines[i].forEach((value, at) => {
      const x = width * (at + kept - curve.lines[i].length) / (kept - 1);
      const y = height - value / most * height;
      if (at === 0) pen.moveTo(x, y); else pen.lineTo(x, y);
    });
    pen.stroke();
  }
}

function show_measured(state) {
  for (const curve of curves) {
    curve.names.forEach((name, i) => {
      const value = state[name] || 0;
      curve.lines[i].push(value);
      if (curve.lines[i].length > kept) curve.lines[i].shift();
      curve.values[i].textContent = name.replace('_', ' ') + ' ' + curve.show(value);
    });
    draw(curve);
  }
}

async function look() {
  try {
    const state = await ask('GET', '/console/state?since=' + revision);
    if (state.revision < revision) {  // the server was started again
      revision = 0;
      rows.clear();
      $('jobs').replaceChildren();
    } else {
      revision = state.revision;
    }
    $('gate').hidden = true;
    for (const job of state.jobs.sort((one, other) => other.age - one.age)) show_job(job);
    for (const row of rows.values()) if (!is_final(row.job.status)) show_time(row);
    show_measured(state);
    $('none').hidden = rows.size > 0;
    $('state').textContent = state.in_progress + ' in progress, ' + state.in_queue + ' waiting';
    if (state.read_only) $('order').hidden = $('purge').hidden = true;
    answered = true;
  } catch (error) {
    $('state').textContent = answered ? error.message : 'no answer: ' + error.message;
    answered = false;
  }
  setTimeout(look, document.hidden ? 2000 : 500);
}

async function begin() {
  try {
    const api = await ask('GET', '/openapi.json');
    const body = api.paths['/run'].post.requestBody.content['application/json'].schema;
    schema = body.properties.input;
  } catch (error) {
    schema = null;
  }
  const has_form = schema && schema.type === 'object' && schema.properties;
  raw = !has_form;
  $('toggle').hidden = !has_form;
  if (has_form) show_form();
  show_kind();
}

$('run').addEventListener('submit', (event) => { event.preventDefault(); run(false); });
$('many').addEventListener('click', run_many);
$('toggle').addEventListener('click', () => {
  if (!raw) try { $('raw').value = JSON.stringify(read_input(), null, 2); } catch (error) { /* keeps its text */ }
  raw = !raw;
  show_kind();
});
$('purge').addEventListener('click', () => ask('POST', '/purge-queue').catch(() => {}));
$('gate').addEventListener('submit', (event) => {
  event.preventDefault();
  token = $('token').value;
  sessionStorage.setItem('token', token);
  begin();
});
begin();
look();
)js";

}  // namespace coworker::inline v0_1::detail
