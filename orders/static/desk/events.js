// The line on which changes come in. As a SharedWorker it serves all pages of a browser over one
// connection; a browser without these gives each page that is shown a line of its own.
(function (scope) {
  "use strict";

  const FIRST_PAUSE_MS = 5000;
  const MAX_PAUSE_MS = 60000;
  const SILENCE_MS = 40000; // the server says something every 15 s
  const KEPT = 200; // changes, for a page that comes later

  class Line {
    // `tell` is given {kind: "stands" | "fell" | "change" | "reload", position, data}.
    constructor(tell) {
      this.tell = tell;
      this.source = null;
      this.stands = false;
      this.pauses = 0;
      this.timer = null;
      this.kept = [];
      this.from = this.position = null; // what is kept follows `from`
      scope.setInterval(() => this.listen(), 5000);
    }

    open(address, after) {
      this.address = address;
      if (this.position === null && after !== null) this.from = this.position = after;
      if (this.source !== null || this.timer !== null) return;
      const query = this.position === null ? "" : `?after=${this.position}`;
      this.source = new EventSource(`${address}${query}`, { withCredentials: true });
      this.heardAt = Date.now();
      this.source.onerror = () => this.fall(this.source.readyState === EventSource.CLOSED);
      this.on("hello", (event) => this.stand(this.at(event)));
      this.on("change", (event) => this.change(this.at(event), JSON.parse(event.data)));
      this.on("reload", (event) => this.skip(this.at(event)));
      this.on("beat", () => {});
      this.on("end", () => this.fall(true));
    }

    on(name, act) {
      const source = this.source;
      source.addEventListener(name, (event) => {
        this.heardAt = Date.now();
        if (source === this.source) act(event);
      });
    }

    at(event) {
      const position = Number(event.lastEventId);
      if (position > 0) this.position = position;
      return this.position;
    }

    stand(position) {
      if (this.from === null) this.from = position;
      this.stands = true;
      this.pauses = 0;
      this.tell({ kind: "stands", position });
    }

    change(position, data) {
      const { rows, orders, ...rest } = data; // a page that comes later asks for the rows
      const names = orders === "all" ? orders : [...(orders || []), ...Object.keys(rows || {})];
      this.kept.push({ kind: "change", position, data: { ...rest, orders: names } });
      if (this.kept.length > KEPT) this.from = this.kept.shift().position;
      this.tell({ kind: "change", position, data });
    }

    skip(position) {
      this.kept = [];
      this.from = position;
      this.tell({ kind: "reload", position });
    }

    // isOver: the browser does not try again by itself.
    fall(isOver) {
      if (this.stands) this.tell({ kind: "fell" });
      this.stands = false;
      if (!isOver || this.source === null) return;
      this.source.close();
      this.source = null;
      const pause = Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** this.pauses++);
      this.timer = scope.setTimeout(() => {
        this.timer = null;
        this.open(this.address, null);
      }, pause * (0.5 + Math.random() / 2));
    }

    listen() {
      if (this.source !== null && Date.now() - this.heardAt > SILENCE_MS) this.fall(true);
    }

    close() {
      scope.clearTimeout(this.timer);
      if (this.source !== null) this.source.close();
      this.source = this.timer = null;
      this.stands = false;
      this.pauses = 0;
    }

    // What a page that shows the state at `after` has missed of this line, which may be down now: it
    // goes on where it heard last, not where the page stands.
    missed(after) {
      if (after >= this.position) return [];
      if (after < this.from) return [{ kind: "reload", position: this.position }];
      return this.kept.filter((one) => one.position > after);
    }
  }

  // --- As a worker: one line, many pages -----------------------------------------------------------

  function serve() {
    const ports = new Set();
    const line = new Line((message) => ports.forEach((port) => port.postMessage(message)));
    scope.onconnect = function (event) {
      const port = event.ports[0];
      port.onmessage = function ({ data }) {
        if (data.kind === "bye") {
          ports.delete(port);
          if (ports.size === 0) line.close();
          return;
        }
        ports.add(port);
        if (line.stands) port.postMessage({ kind: "stands", position: line.position });
        line.missed(data.after).forEach((message) => port.postMessage(message));
        line.open(data.address, data.after);
      };
    };
  }

  // --- As a page ------------------------------------------------------------------------------------

  function followByWorker(worker, address, after, tell) {
    let position = after;
    const shared = new SharedWorker(worker, { name: "desk-events" });
    shared.port.onmessage = function ({ data }) {
      if (data.position) position = data.position;
      tell(data);
    };
    const say = (kind) => shared.port.postMessage({ kind, address, after: position });
    window.addEventListener("pagehide", () => say("bye"));
    window.addEventListener("pageshow", (event) => event.persisted && say("follow"));
    say("follow");
    return shared;
  }

  function followAlone(address, after, tell) {
    const line = new Line(tell);
    const turn = function () {
      if (!document.hidden) return line.open(address, after);
      line.close();
      return tell({ kind: "fell" });
    };
    document.addEventListener("visibilitychange", turn);
    turn();
  }

  function follow({ worker, address, after, tell }) {
    if (!window.EventSource) return;
    if (!window.SharedWorker) return followAlone(address, after, tell);
    let isAlone = false;
    followByWorker(worker, address, after, (message) => isAlone || tell(message)).onerror = () => {
      if (!isAlone) followAlone(address, after, tell);
      isAlone = true;
    };
  }

  if (typeof SharedWorkerGlobalScope !== "undefined" && scope instanceof SharedWorkerGlobalScope) serve();
  else window.deskEvents = { follow };
})(self);
