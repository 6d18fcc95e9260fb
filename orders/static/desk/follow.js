// What a page does about a change: it fetches the parts that the change is about, at once and
// bundled. Where no line stands, the page asks by itself every so often.
(function () {
  "use strict";

  const QUICK_MS = 300; // between two looks at live cells, where no line stands
  const SLOW_MS = 2000;
  const QUICK_FOR_MS = 20000;
  const ROWS_MS = 3000; // between two looks at all rows of a list, where no line stands
  const REST_MS = { cells: 150, part: 700, most: 2000, any: 5000 }; // between two fetches of one thing
  const MAX_CELLS = 200;
  const CHANGED = "desk:changed";

  let stands = false;
  const versions = new Map(); // what was last shown, by the id of the part

  // --- One fetch at a time: at once after a rest, then ever slower while changes go on ------------

  class Pace {
    constructor(act, restMs) {
      Object.assign(this, { act, restMs, isDue: false, isUnderWay: false, timer: null, row: 0, endedAt: 0 });
    }

    ask(isUrgent) {
      this.isDue = true;
      if (document.hidden || this.isUnderWay) return;
      const left = isUrgent ? 0 : this.endedAt + this.pause() - Date.now();
      window.clearTimeout(this.timer);
      this.timer = left > 0 ? window.setTimeout(() => this.ask(true), left) : null;
      if (left <= 0) this.run();
    }

    pause() {
      return Math.max(3 * this.tookMs || 0, Math.min(Math.max(REST_MS.most, this.restMs), this.restMs * 1.3 ** this.row));
    }

    async run() {
      const begunAt = Date.now();
      this.row = begunAt - this.endedAt > 2 * this.pause() ? 0 : this.row + 1;
      this.isDue = false;
      this.isUnderWay = true;
      try {
        await this.act();
      } catch {
        window.deskContact.probe();
      }
      this.isUnderWay = false;
      this.endedAt = Date.now();
      this.tookMs = this.endedAt - begunAt;
      if (this.isDue) this.ask(false);
    }
  }

  // --- Rows and cells: one request for all of a page ------------------------------------------------

  const wanted = new Set(); // ids of orders whose cells, in a list whose rows, are to be looked at
  const cells = new Pace(lookAtCells, REST_MS.cells);
  const rows = new Pace(lookAtRows, REST_MS.part);
  let rowsAt = null; // all rows are shown as of this version, or newer
  let timer = null;
  let rowsTimer = null;

  const shown = () => Array.from(document.querySelectorAll(".dk-cell[data-order]"));
  const list = () => document.querySelector("[data-rows]");

  function liveCells() {
    return Array.from(document.querySelectorAll("[data-live]"));
  }

  const idOf = (cell) => cell.id.slice("cell-".length);

  function want(found, isUrgent) {
    found.forEach((cell) => wanted.add(idOf(cell)));
    if (wanted.size) cells.ask(isUrgent);
  }

  // Returns the version that is shown now, null where not all of it is. Of a version that is named
  // the server sends what changed since.
  async function look(ids, version) {
    const query = ids.map((id) => `order=${id}`).join("&");
    const address = list() ? list().dataset.rows : document.querySelector("[data-cells]").dataset.cells;
    const headers = version ? { "Desk-Version": version } : {};
    const answer = await fetch(`${address}?${query}`, { credentials: "same-origin", headers });
    window.deskContact.answered(answer);
    const now = answer.headers.get("Desk-Version");
    if (answer.status === 204) return now;
    if (answer.status !== 200 || !answer.headers.get("Desk-Fragment")) return null;
    return replace(await answer.text(), Number(now)) ? now : null;
  }

  async function lookAtCells() {
    const ids = Array.from(wanted).slice(0, MAX_CELLS);
    ids.forEach((id) => wanted.delete(id));
    const key = `cells ${ids.join()}`;
    const version = await look(ids, versions.get(key));
    versions.forEach((_, name) => name.startsWith("cells ") && versions.delete(name));
    if (version) versions.set(key, version);
  }

  // Returns whether all was put in; what could not be is asked for again.
  function replace(text, position) {
    const left = window.deskReplace.put(text, position);
    if (left.length) window.setTimeout(() => want(left, false), 100);
    return !left.length;
  }

  async function lookAtRows() {
    const ids = shown().map(idOf);
    if (ids.length) rowsAt = (await look(ids, rowsAt || document.querySelector("[data-position]").dataset.position)) || rowsAt;
  }

  function pause(found) {
    const newest = Math.max(...found.map((cell) => Date.parse(cell.dataset.live)));
    return document.hidden || window.deskContact.now() - newest > QUICK_FOR_MS ? SLOW_MS : QUICK_MS;
  }

  function lookAtRowsLater() {
    if (stands || rowsTimer !== null || !list()) return;
    rowsTimer = window.setTimeout(function () {
      rowsTimer = null;
      if (!stands) rows.ask(true);
      lookAtRowsLater();
    }, ROWS_MS);
  }

  function lookLater() {
    lookAtRowsLater();
    const found = liveCells();
    if (stands || timer !== null || !found.length) return;
    timer = window.setTimeout(function () {
      timer = null;
      if (!stands) want(liveCells(), true);
      lookLater();
    }, pause(found));
  }

  // --- Parts: what follows a job, the frame, the log -------------------------------------------------

  const parts = new Map(); // the pace of each, by its id

  function askFor(part, isUrgent) {
    const restMs = ["any", "new"].includes(part.dataset.follow) ? REST_MS.any : REST_MS.part;
    if (!parts.has(part.id)) parts.set(part.id, new Pace(() => fetchPart(part.id), restMs));
    parts.get(part.id).ask(isUrgent);
  }

  const ANSWERED = ["htmx:beforeOnLoad", "htmx:sendError", "htmx:sendAbort", "htmx:timeout"];

  function fetchPart(id) {
    const part = document.getElementById(id);
    if (!part) return undefined;
    if (window.deskReplace.isBusy(part)) return window.setTimeout(() => askFor(part, false), 100);
    return new Promise(function (resolve) {
      ANSWERED.forEach((name) => part.addEventListener(name, resolve, { once: true }));
      window.htmx.trigger(part, CHANGED);
    });
  }

  document.addEventListener("htmx:beforeRequest", function (event) {
    const element = event.detail.elt;
    if (!element.matches("[data-poll]")) return;
    const cause = event.detail.requestConfig.triggeringEvent;
    if (cause && cause.type === CHANGED) return;
    const isMoot = stands && element.hasAttribute("data-follow");
    if (isMoot || document.hidden || window.deskReplace.isBusy(element)) event.preventDefault();
  });

  document.addEventListener("htmx:configRequest", function (event) {
    const { elt: element, headers } = event.detail;
    if (!element.matches("[data-poll]")) return;
    const version = versions.get(element.id);
    if (version) headers["Desk-Version"] = version;
    const rows = element.querySelector("[data-version]"); // they are sent where they changed
    if (rows) headers["Desk-Rows"] = rows.dataset.version;
  });

  document.addEventListener("htmx:beforeSwap", function (event) {
    const element = event.detail.elt;
    if (!element.matches("[data-poll]")) return;
    if (window.deskReplace.isBusy(element)) event.detail.shouldSwap = false;
    else versions.set(element.id, event.detail.xhr.getResponseHeader("Desk-Version"));
  });

  // --- What comes in ------------------------------------------------------------------------------

  const has = (ids, id) => ids === "all" || (ids || []).includes(id);

  function isAbout(cell, data) {
    const order = cell.dataset.order;
    const isUnnamed = has(data.orders, `${order.split("-")[0]}-`); // by its client order id alone
    return has(data.orders, order) || (isUnnamed && cell.hasAttribute("data-live"));
  }

  // What hangs on one order, a job, what no list shows yet, the log, or the frame of every page.
  function isPartOf(part, data) {
    const [kind, id] = part.dataset.follow.split(":");
    if (kind === "job") return has(data.jobs, Number(id));
    if (kind === "order") return has(data.orders, id) || has(data.orders, `${id.split("-")[0]}-`) || id in (data.rows || {});
    return kind === "any" || data[kind] || (kind === "new" && data.orders === "all");
  }

  function change(data, position) {
    if (data.rows) replace(Object.values(data.rows).join(""), position);
    want(shown().filter((cell) => isAbout(cell, data)), false);
    document.querySelectorAll("[data-follow]").forEach(function (part) {
      if (isPartOf(part, data)) askFor(part, part.dataset.follow.startsWith("job:") && data.frame);
    });
  }

  function lookAtAll() {
    if (list()) rows.ask(false);
    else want(shown(), false);
    document.querySelectorAll("[data-follow]").forEach((part) => askFor(part, false));
  }

  // Where the site has gone too, the next poll would tell it late.
  function fall() {
    stands = false;
    window.deskContact.probe();
  }

  document.addEventListener("desk:contact", lookAtAll);

  function heard(message) {
    if (message.kind === "change") change(message.data, message.position);
    if (message.kind === "reload") lookAtAll();
    if (message.kind === "stands") stands = true;
    if (message.kind === "fell") fall();
    document.documentElement.dataset.line = stands ? "stands" : "fell";
    lookLater();
  }

  document.addEventListener("visibilitychange", function () {
    if (document.hidden) return;
    [cells, rows, ...parts.values()].forEach((pace) => pace.isDue && pace.ask(true));
  });

  document.addEventListener("htmx:afterSettle", lookLater);
  document.addEventListener("DOMContentLoaded", function () {
    lookLater();
    const page = document.querySelector("[data-events]");
    if (!page) return;
    const path = page.dataset.events;
    const address = path.startsWith(":") ? `${location.protocol}//${location.hostname}${path}` : path;
    const after = Number(page.dataset.position);
    window.deskEvents.follow({ worker: page.dataset.worker, address, after, tell: heard });
  });
})();
