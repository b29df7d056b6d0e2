// The page: a model of one company's trips, fed by the hub, and the table that shows it.
import { Feed } from './feed.js';
import { describe, sales, SALES } from './trip.js';

const LOG_MAX = 40;
const SETTLE_MS = 1000; // a snapshot has arrived by then; rows it did not name are gone
const $ = (id) => document.getElementById(id);
const table = document.querySelector('table');

let feed = null;
let trips = new Map(); // id -> {data, view, stale}
let freshAt = 0; // hub time of the last fresh start: what is not newer came with its snapshot
let lastChange = 0;
let settle = 0;
let drawn = 0;

function el(name, className, ...children) {
  const node = document.createElement(name);
  if (className) node.className = className;
  node.append(...children); // strings become text, never markup
  return node;
}

function cell(row, name, role, className, ...children) {
  const node = el(name, className, ...children);
  node.setAttribute('role', role);
  row.append(node);
  return node;
}

// ---- one row

function icon(path) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('viewBox', '0 0 16 16');
  svg.setAttribute('aria-hidden', 'true');
  const shape = document.createElementNS(svg.namespaceURI, 'path');
  shape.setAttribute('d', path);
  svg.append(shape);
  return svg;
}

function makeRow() {
  const row = el('tr', 'trip');
  row.setAttribute('role', 'row');
  const when = el('time');
  cell(row, 'td', 'cell', 'when', when);
  const [from, to] = [el('span'), el('b')];
  const route = cell(row, 'th', 'rowheader', 'route', from, el('span', '', arrow(), to));
  route.scope = 'row';
  const id = cell(row, 'td', 'cell', 'id');
  const [free, of, fill] = [el('b'), el('span', 'of'), el('i')];
  const bar = el('span', 'bar', fill);
  bar.setAttribute('aria-hidden', 'true');
  const seats = cell(row, 'td', 'cell', 'seats number', free, of, bar);
  const count = cell(row, 'td', 'cell', 'count number');
  const state = cell(row, 'td', 'cell', 'sales');
  return { row, when, from, to, id, free, of, fill, route, seats, count, state };
}

function arrow() {
  const node = el('i', '', '→');
  node.setAttribute('aria-label', 'to');
  node.setAttribute('role', 'img');
  return node;
}

function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function paint({ data, view }) {
  const { time } = when(data.departure);
  setText(view.when, time);
  view.when.dateTime = String(data.departure ?? '');
  setText(view.from, String(data.origin ?? ''));
  setText(view.to, String(data.destination ?? ''));
  setText(view.id, String(data.id));
  setText(view.free, String(data.availableSlots ?? '–'));
  setText(view.of, ` / ${data.capacity ?? '–'}`);
  setText(view.count, String(data.bookingsCount ?? '–'));
  const taken = data.capacity > 0 ? 100 - (100 * data.availableSlots) / data.capacity : 0;
  view.fill.style.setProperty('--taken', `${Math.min(100, Math.max(0, taken))}%`);
  const state = sales(data, new Date());
  if (view.row.dataset.sales !== state) {
    view.row.dataset.sales = state;
    view.state.replaceChildren(icon(SALES[state].path), SALES[state].text);
  }
}

const CELL_OF = {
  availableSlots: 'seats', capacity: 'seats', bookingsCount: 'count', bookingHalted: 'state',
  departure: 'when', origin: 'route', destination: 'route',
};

function flash(node) {
  node.classList.remove('flash');
  void node.offsetWidth; // so that a second change in a row flashes again
  node.classList.add('flash');
  node.addEventListener('animationend', () => node.classList.remove('flash'), { once: true });
}

// ---- the model

function take(change, timestamp) {
  const id = String(change.tripId);
  const old = trips.get(id);
  const news = timestamp > freshAt;
  if (timestamp > lastChange) lastChange = timestamp;
  if (change.type === 'trip-removed') {
    old?.view.row.remove();
    trips.delete(id);
    if (old && news) note(timestamp, old.data, 'removed');
  } else {
    const trip = old ?? { data: { id }, view: makeRow() };
    const was = trip.data;
    trip.data = { ...was, ...change.changes };
    trip.stale = false;
    trips.set(id, trip);
    const fields = old ? Object.keys(trip.data).filter((k) => trip.data[k] !== was[k]) : [];
    paint(trip);
    if (news && !old) {
      for (const node of trip.view.row.children) flash(node);
      note(timestamp, trip.data, 'added');
    } else if (news || old) {
      for (const name of new Set(fields.map((k) => CELL_OF[k]).filter(Boolean)))
        flash(trip.view[name].closest('td, th'));
      if (fields.length) note(timestamp, trip.data, ...describe(was, trip.data, fields));
    }
  }
  draw();
}

// What stays unnamed by a snapshot is gone.
function begin(timestamp) {
  freshAt = timestamp;
  for (const trip of trips.values()) trip.stale = true;
  clearTimeout(settle);
  settle = setTimeout(() => {
    for (const [id, trip] of trips) {
      if (!trip.stale) continue;
      trip.view.row.remove();
      trips.delete(id);
    }
    $('empty').textContent = 'No trips yet. They appear here as soon as the database has some.';
    draw();
  }, SETTLE_MS);
}

// ---- the log of changes

function note(timestamp, data, ...what) {
  const { time } = clock(timestamp);
  const moment = el('time', '', time);
  moment.dateTime = new Date(timestamp).toISOString();
  const route = `${data.id}, ${data.origin ?? '?'} → ${data.destination ?? '?'}, ${when(data.departure).short}`;
  const item = el('li', '', moment, el('div', '', el('p', '', ...what), el('p', 'where', route)));
  $('log').prepend(item);
  while ($('log').children.length > LOG_MAX) $('log').lastElementChild.remove();
  $('log-empty').hidden = true;
}

// ---- times

const DAY = new Intl.DateTimeFormat('en-GB', { weekday: 'long', day: 'numeric', month: 'long' });
const SHORT = new Intl.DateTimeFormat('en', { weekday: 'short' });

// A departure, YYYY-MM-DDTHH:MM of the company's own clock.
function when(departure) {
  const date = new Date(departure);
  const time = String(departure ?? '').slice(11, 16);
  if (Number.isNaN(date.getTime())) return { day: 'No date', time, short: time };
  const days = Math.round((midnight(date) - midnight(new Date())) / 864e5);
  const name = { '-1': 'Yesterday, ', 0: 'Today, ', 1: 'Tomorrow, ' }[days] ?? '';
  return { day: name + DAY.format(date), time, short: `${SHORT.format(date)}\u00a0${time}` };
}

function midnight(date) {
  return new Date(date.getFullYear(), date.getMonth(), date.getDate());
}

function clock(timestamp) {
  const date = new Date(timestamp);
  const time = date.toTimeString().slice(0, 8);
  return { time, text: midnight(date) < midnight(new Date()) ? `${DAY.format(date)}, ${time}` : time };
}

// ---- the table

function draw() {
  if (!drawn) drawn = requestAnimationFrame(() => { drawn = 0; layout(); });
}

function sorted() {
  const wanted = $('find').value.trim().toLowerCase();
  const text = ({ data }) => `${data.origin} ${data.destination} ${data.id}`.toLowerCase();
  return [...trips.values()]
    .filter((trip) => !wanted || text(trip).includes(wanted))
    .sort((a, b) => compare(a.data.departure, b.data.departure) || compare(a.data.id, b.data.id));
}

function compare(a, b) {
  const [x, y] = [String(a ?? ''), String(b ?? '')];
  return x < y ? -1 : x > y ? 1 : 0;
}

function makeDay(key) {
  const body = el('tbody');
  body.dataset.day = key;
  body.setAttribute('role', 'rowgroup');
  const row = el('tr', 'day');
  row.setAttribute('role', 'row');
  const head = cell(row, 'th', 'rowheader', '');
  head.colSpan = 6;
  head.scope = 'rowgroup';
  body.append(row);
  return body;
}

// Moves a node only where it must: a moved node would flash anew.
function place(parent, node, before) {
  const at = before ? before.nextSibling : parent.firstChild;
  if (at !== node) parent.insertBefore(node, at);
  return node;
}

function layout() {
  const shown = sorted();
  const bodies = new Map([...table.tBodies].map((body) => [body.dataset.day, body]));
  const seen = new Set();
  let body = table.tHead;
  let last = null;
  for (const trip of shown) {
    const key = String(trip.data.departure ?? '').slice(0, 10);
    if (!seen.has(key)) {
      seen.add(key);
      body = place(table, bodies.get(key) ?? makeDay(key), body);
      last = body.rows[0];
      setText(last.cells[0], when(trip.data.departure).day);
    }
    last = place(body, trip.view.row, last);
  }
  const rows = new Set(shown.map((trip) => trip.view.row));
  for (const row of table.querySelectorAll('.trip')) if (!rows.has(row)) row.remove();
  for (const old of [...table.tBodies]) if (!seen.has(old.dataset.day)) old.remove();
  sums();
  table.hidden = trips.size === 0;
  $('empty').hidden = shown.length > 0;
  if (trips.size && !shown.length) $('empty').textContent = 'No trip matches the filter.';
}

function sums() {
  const all = [...trips.values()].map((trip) => trip.data);
  const sum = (name) => all.reduce((n, data) => n + (Number(data[name]) || 0), 0);
  setText($('sum-trips'), String(all.length));
  setText($('sum-free'), String(sum('availableSlots')));
  setText($('sum-bookings'), String(sum('bookingsCount')));
  setText($('sum-halted'), String(all.filter((data) => data.bookingHalted).length));
  if (!lastChange) return;
  setText($('last'), clock(lastChange).text);
  $('last').dateTime = new Date(lastChange).toISOString();
}

// ---- the page

function badge(live) {
  $('badge').dataset.state = live ? 'live' : 'connecting';
  setText($('badge-text'), live ? 'Real-time' : 'Connecting...');
}

function follow(company) {
  feed?.close();
  trips = new Map();
  lastChange = 0;
  table.querySelectorAll('tbody').forEach((body) => body.remove());
  $('log').replaceChildren();
  $('log-empty').hidden = false;
  setText($('last'), 'none yet');
  setText($('empty'), 'Waiting for the trips.');
  layout();
  document.title = `Trips · ${$('company').selectedOptions[0].text}`;
  feed = new Feed(company, { live: badge, fresh: begin, change: take });
}

const asked = new URLSearchParams(location.search).get('company');
if ([...$('company').options].some((option) => option.value === asked)) $('company').value = asked;
$('company').addEventListener('change', () => {
  history.replaceState(null, '', `?company=${$('company').value}`);
  follow($('company').value);
});
$('find').addEventListener('input', draw);
setInterval(() => {
  for (const trip of trips.values()) paint(trip); // departures pass
}, 30_000);
follow($('company').value);
