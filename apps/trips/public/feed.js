// The hub's stream of one company's trips, by native EventSource: connects, comes back, resumes.
//
// The first stream asks for a snapshot: every trip as it is now, then each change. After a break
// the hub is asked for what came after the last id, and answers with exactly that, or with a gap
// when it no longer keeps it; then a fresh snapshot is asked for.

const ROUTE = '/api/events/company-trips';
const RETRY_MS = 5000; // where the browser itself gives up

export class Feed {
  #source = null;
  #lastId = '';
  #timer = 0;
  #closed = false;
  #handlers;

  // handlers: live(bool); fresh(hub time) before a snapshot; change({type, tripId, changes}, timestamp)
  constructor(company, handlers) {
    this.company = company;
    this.#handlers = handlers;
    document.addEventListener('visibilitychange', this.#onVisible);
    addEventListener('online', this.#onVisible);
    this.#open();
  }

  close() {
    this.#closed = true;
    document.removeEventListener('visibilitychange', this.#onVisible);
    removeEventListener('online', this.#onVisible);
    this.#drop();
  }

  // A hidden tab holds no connection; it resumes where it was.
  #onVisible = () => {
    if (document.hidden) this.#drop();
    else if (this.#source?.readyState !== EventSource.OPEN) this.#open();
  };

  #drop() {
    clearTimeout(this.#timer);
    this.#source?.close();
    this.#source = null;
    this.#handlers.live(false);
  }

  #open() {
    this.#drop();
    if (this.#closed || document.hidden) return;
    const query = new URLSearchParams({ tenant: this.company, snapshot: 'true' });
    if (this.#lastId) query.set('lastEventId', this.#lastId);
    const source = new EventSource(`${ROUTE}?${query}`);
    this.#source = source;
    source.onmessage = (message) => this.#take(message);
    source.onerror = () => {
      this.#handlers.live(false);
      if (source.readyState === EventSource.CLOSED) {
        clearTimeout(this.#timer);
        this.#timer = setTimeout(() => this.#open(), RETRY_MS);
      }
    };
  }

  #take({ data, lastEventId }) {
    const message = JSON.parse(data);
    if (message.type === 'connected') {
      this.#handlers.live(true);
      if (!this.#lastId) this.#handlers.fresh(message.timestamp);
    } else if (message.type === 'freshet.gap') {
      this.#lastId = '';
      this.#open();
      return;
    } else if (message.type === 'update') {
      for (const change of message.changes) this.#handlers.change(change, message.timestamp);
    }
    if (lastEventId) this.#lastId = lastEventId;
  }
}
