// One stream of events for all tabs of a browser: it allows six connections to a server, and boards stay open all day.
// The tab that holds the lock is the leader; it opens the stream for what all tabs want to hear and passes on what comes.
// Without locks or channels every tab has a stream of its own.

const NAME = "rodeo-live";
const EVENTS = ["card", "gone", "story", "changed", "resync"];
const TAB = crypto.randomUUID?.() ?? String(Math.random());
const [REPEAT, FORGET, GATHER, SILENCE] = [20_000, 150_000, 60, 45_000];
const [FIRST_RETRY, LAST_RETRY] = [2_000, 30_000];

export class Stream {
  // `heard(name, said)` gets every event; `covered(yes)` whether all of `topics` are listened to right now.
  constructor(url, topics, heard, covered) {
    Object.assign(this, { url, topics, heard, covered, tabs: new Map(), open: new Set(), retry: FIRST_RETRY, said: 0 });
    this.shared = "BroadcastChannel" in window && "locks" in navigator;
    if (!this.shared) return this.lead();
    this.channel = new BroadcastChannel(NAME);
    this.channel.onmessage = (event) => this.told(event.data);
    this.announce();
    // A leader that fell silent (its tab sleeps) is as good as none.
    setInterval(() => this.announce(), REPEAT);
    setInterval(() => Date.now() - this.said > 3 * REPEAT && this.covered(false), REPEAT);
    addEventListener("pagehide", () => this.channel.postMessage({ bye: TAB }));
    navigator.locks.request(NAME, () => new Promise(() => this.lead())).catch(() => this.lead());
  }

  announce() {
    this.channel.postMessage({ tab: TAB, topics: this.topics });
    if (this.leading) this.tell();
  }

  told(message) {
    if (message.event) this.heard(message.event, message.said);
    else if (message.open) this.state(message.open);
    else if (message.who && !this.leading) this.announce();
    else if (this.leading && message.tab) this.note(message.tab, message.topics);
    else if (this.leading && message.bye) this.tabs.delete(message.bye);
  }

  state(open) {
    this.said = Date.now();
    this.covered(this.topics.every((topic) => open.includes(topic)));
  }

  // As the leader

  lead() {
    this.leading = true;
    // The server says something every 15 seconds; a stream that says nothing died without telling, as after a sleep.
    setInterval(() => this.source?.readyState === EventSource.OPEN && Date.now() - this.beat > SILENCE && this.dead(), 5_000);
    this.note(TAB, this.topics);
    this.channel?.postMessage({ who: true });
  }

  note(tab, topics) {
    const now = tab === TAB ? Infinity : Date.now();
    this.tabs.set(tab, { topics, at: now });
    for (const [each, { at }] of this.tabs) if (Date.now() - at > FORGET) this.tabs.delete(each);
    clearTimeout(this.gathering);
    this.gathering = setTimeout(() => this.connect(), GATHER);
  }

  wanted() {
    return [...new Set([...this.tabs.values()].flatMap((tab) => tab.topics))].sort();
  }

  connect() {
    const wanted = this.wanted();
    // Hearing more than is wanted costs little; a new stream costs a connection.
    if (this.source && this.source.readyState !== EventSource.CLOSED && wanted.every((each) => this.asked.includes(each)))
      return this.tell();
    clearTimeout(this.retrying);
    const before = this.source;
    const source = new EventSource(`${this.url}?${wanted.map((each) => `topic=${encodeURIComponent(each)}`).join("&")}`, {
      withCredentials: true,
    });
    this.source = source;
    this.asked = wanted;
    source.addEventListener("hello", () => {
      // Only now: between the two streams nothing is missed.
      before?.close();
      this.retry = FIRST_RETRY;
      this.beat = Date.now();
      this.opened(wanted);
    });
    source.addEventListener("beat", () => (this.beat = Date.now()));
    for (const name of EVENTS) source.addEventListener(name, (event) => this.pass(name, JSON.parse(event.data)));
    source.onerror = () => source === this.source && this.lost(source, before);
  }

  lost(source, before) {
    before?.close();
    this.opened([]);
    // The browser connects again by itself unless it was answered with an error, such as by a proxy in front.
    if (source.readyState !== EventSource.CLOSED) return;
    clearTimeout(this.retrying);
    this.retrying = setTimeout(() => this.connect(), this.retry * (0.5 + Math.random()));
    this.retry = Math.min(this.retry * 2, LAST_RETRY);
  }

  dead() {
    this.source.close();
    this.opened([]);
    this.connect();
  }

  opened(topics) {
    this.open = new Set(topics);
    this.tell();
  }

  tell() {
    const open = [...this.open];
    this.channel?.postMessage({ open });
    this.state(open);
  }

  pass(event, said) {
    this.channel?.postMessage({ event, said });
    this.heard(event, said);
  }
}
