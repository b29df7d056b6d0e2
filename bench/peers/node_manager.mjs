// A broadcast manager as one writes it in Node in an afternoon: a Map of responses per channel, a
// write for each of them, the last 100 events for those who resume, a heartbeat.
// usage: node node_manager.mjs PORT
import http from 'node:http';

const HISTORY = 100;
const channels = new Map();

function channelOf(name) {
  if (!channels.has(name)) channels.set(name, { clients: new Set(), history: [], last: 0 });
  return channels.get(name);
}

function subscribe(request, response, names) {
  response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache' });
  response.write(': connected\n\n');
  const last = Number(request.headers['last-event-id'] ?? NaN);
  for (const name of names.split(',')) {
    const channel = channelOf(name);
    for (const event of channel.history) if (event.id > last) response.write(event.text);
    channel.clients.add(response);
    response.on('close', () => channel.clients.delete(response));
  }
}

function broadcast(name, data) {
  const channel = channelOf(name);
  const id = ++channel.last;
  const text = `id: ${id}\nevent: message\ndata: ${JSON.stringify({ type: 'message', data })}\n\n`;
  channel.history.push({ id, text });
  if (channel.history.length > HISTORY) channel.history.shift();
  for (const client of channel.clients) client.write(text);
}

http
  .createServer(async (request, response) => {
    const name = request.url.slice(5); // behind /sub/ or /pub/
    if (request.method === 'GET') return subscribe(request, response, name);
    let body = '';
    for await (const part of request) body += part;
    broadcast(name, body);
    response.writeHead(200, { 'Content-Length': 0 }).end();
  })
  .listen({ port: Number(process.argv[2]), host: '127.0.0.1', backlog: 4096 });

setInterval(() => {
  for (const { clients } of channels.values())
    for (const client of clients) client.write(`: heartbeat ${Date.now()}\n\n`);
}, 30000);
