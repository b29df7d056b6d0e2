// better-sse as its documentation shows it: a session a request, a channel a topic.
// usage: node better_sse.mjs PORT
import http from 'node:http';
import { createChannel, createSession } from 'better-sse';

const channels = new Map();

function channelOf(name) {
  if (!channels.has(name)) channels.set(name, createChannel());
  return channels.get(name);
}

http
  .createServer(async (request, response) => {
    const name = request.url.slice(5); // behind /sub/ or /pub/
    if (request.method === 'GET') {
      const session = await createSession(request, response);
      for (const one of name.split(',')) channelOf(one).register(session);
      return;
    }
    let body = '';
    for await (const part of request) body += part;
    channelOf(name).broadcast(body, 'message');
    response.writeHead(200, { 'Content-Length': 0 }).end();
  })
  .listen({ port: Number(process.argv[2]), host: '127.0.0.1', backlog: 4096 });
