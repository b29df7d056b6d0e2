// What a reader got, held against what the publishers were promised and what the log has.

const place = (id) => {
  const m = id.match(/^(\d+)-(\d+)-/);
  if (!m) throw new Error(`no id: ${id}`);
  return [Number(m[1]), Number(m[2])];
};
const before = (a, b) => {
  const [x, y] = [place(a), place(b)];
  return x[0] < y[0] || (x[0] === y[0] && x[1] < y[1]);
};

// acknowledged: Map id -> data, of publishes that were answered. attempted: Set of all data that was
// ever sent. log: [{id, data}], all that the hub has in the end. seen: [{id, data}] of one reader over
// all its connections, that began before the first publish. gaps: how many it was told of.
export function check({ acknowledged, attempted, log, seen, gaps = 0 }) {
  const count = { lostAcknowledged: 0, repeated: 0, reordered: 0, phantom: 0, silentGap: 0 };
  const logged = new Map(log.map((e) => [e.id, e.data]));
  const got = new Set();
  let last;
  for (const { id, data } of seen) {
    if (got.has(id)) count.repeated++;
    else if (last && !before(last, id)) count.reordered++;
    if (logged.get(id) !== data || !attempted.has(data)) count.phantom++;
    got.add(id);
    last = id;
  }
  const values = new Set();
  for (const { id, data } of log) {
    if (!attempted.has(data) || values.has(data)) count.phantom++;
    values.add(data);
    if (!gaps && !got.has(id)) count.silentGap++;
  }
  for (const [id, data] of acknowledged) if (logged.get(id) !== data) count.lostAcknowledged++;
  return count;
}

export const NOTHING_WRONG = { lostAcknowledged: 0, repeated: 0, reordered: 0, phantom: 0, silentGap: 0 };
