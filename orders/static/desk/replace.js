// Puts what changed in its place: of a row each cell that differs, so that no row moves. Never under
// a pressed pointer, and no click takes what stands there only since a moment.
(function () {
  "use strict";

  const GUARD_MS = 400; // after a change a click into it does nothing: it was meant for what was there
  const changedAt = new WeakMap(); // when a row, or a cell that stands alone, changed by itself

  // --- Never swap under a pressed pointer, or the click is lost ------------------------------------

  let isPressed = false;
  document.addEventListener("pointerdown", () => (isPressed = true), true);
  ["pointerup", "pointercancel"].forEach(function (name) {
    document.addEventListener(name, () => window.setTimeout(() => (isPressed = false), 50), true);
  });

  function isBusy(element) {
    const inside = document.activeElement;
    return isPressed || (inside && inside.tagName === "SELECT" && element.contains(inside));
  }

  // --- What differs ---------------------------------------------------------------------------------

  // What keeps itself up to date, or is of this page alone, is no difference.
  const OWN = / data-(at|key|label)="[^"]*"/g;
  const TIME = /<time [^>]*datetime=("[^"]*")[^>]*>[^<]*/g;
  const plain = (part) => part.outerHTML.replace(OWN, "").replace(TIME, "$1");

  // Pairs of what is shown and what is sent: the cells of a row, or the one cell of a page.
  function pairs(old, fresh) {
    const row = old.closest("#result_list tr");
    if (!row) return [[old, fresh]];
    return Array.from(fresh.closest("tr").cells, (one) => [row.querySelector(`.${one.classList[0]}`), one]);
  }

  // --- Putting it in --------------------------------------------------------------------------------

  // Put in rows or cells as of this position; return the cells of those that must wait.
  function put(text, position) {
    const page = new DOMParser().parseFromString(`<table>${text}</table>`, "text/html");
    const left = Array.from(page.querySelectorAll(".dk-cell"), (fresh) => putOne(fresh, position));
    return left.filter((cell) => cell !== null);
  }

  function putOne(fresh, position) {
    const old = document.getElementById(fresh.id);
    const changed = old ? pairs(old, fresh).filter(([was, is]) => plain(was) !== plain(is)) : [];
    if (!changed.length) return null;
    const isOlder = position < Number(old.dataset.at || 0);
    if (isOlder || isPressed || old.querySelector(".htmx-request")) return old;
    const row = old.closest("#result_list tr");
    if (row) row.classList.toggle("dk-ended", fresh.closest("tr").matches(".dk-ended"));
    changed.forEach(([was, is]) => replace(was, is));
    const now = document.getElementById(fresh.id);
    now.dataset.at = position;
    changedAt.set(row || now, performance.now());
    return null;
  }

  function replace(was, is) {
    const held = was.contains(document.activeElement) && document.activeElement;
    if (held) held.dispatchEvent(new Event("desk:replacing", { bubbles: true })); // reach.js keeps the place
    if (was.dataset.label) is.dataset.label = was.dataset.label;
    was.replaceWith(is);
    window.htmx.process(is);
    if (held) document.dispatchEvent(new Event("desk:replaced"));
  }

  // --- A click that was meant for what stood there before does nothing ------------------------------

  document.addEventListener(
    "click",
    function (event) {
      const place = event.target.closest("#result_list tbody tr") || event.target.closest(".dk-cell");
      const isByKey = event.detail === 0; // a key presses what has the focus
      if (!place || isByKey || !(performance.now() - changedAt.get(place) < GUARD_MS)) return;
      event.preventDefault();
      event.stopImmediatePropagation();
    },
    true,
  );

  // --- The notices above a page come and go over what stands below, until its reader scrolls ---------

  let height = null; // of the notices, as the page stood before one came or went by itself

  const notices = () => document.getElementById("site-state");
  const heightOf = (part) => part.getBoundingClientRect().height;

  document.addEventListener("htmx:beforeSwap", function (event) {
    if (height === null && event.detail.elt.id === "site-state") height = heightOf(notices());
  });

  // At once, before anything is painted; and anew once htmx has settled, which takes the style back.
  ["htmx:afterSwap", "htmx:afterSettle"].forEach(function (name) {
    document.addEventListener(name, function () {
      const part = notices();
      if (!part || height === null) return;
      part.style.marginBottom = "";
      part.style.marginBottom = `${height - heightOf(part)}px`;
    });
  });

  document.addEventListener(
    "scroll",
    function () {
      if (height === null) return;
      height = null;
      notices().style.marginBottom = "";
    },
    { passive: true },
  );

  // --- Rows of a list that tells each of them whole ---------------------------------------------------

  function putRow(fresh) {
    const row = document.querySelector(`#result_list tr[data-row="${fresh.dataset.row}"]`);
    if (!row) return;
    const shown = Array.from(row.cells).slice(row.cells.length - fresh.cells.length); // without the box
    const changed = shown.map((was, at) => [was, fresh.cells[at]]).filter(([was, is]) => plain(was) !== plain(is));
    changed.forEach(([was, is]) => replace(was, is));
    row.toggleAttribute("data-goes", fresh.hasAttribute("data-goes"));
  }

  // Where one became higher, all below it moved: then no click is taken for a moment.
  function putRows(text) {
    const page = new DOMParser().parseFromString(`<table>${text}</table>`, "text/html");
    const list = document.getElementById("result_list");
    const before = heightOf(list);
    page.querySelectorAll("tr[data-row]").forEach(putRow);
    if (heightOf(list) === before) return;
    list.querySelectorAll("tbody tr").forEach((row) => changedAt.set(row, performance.now()));
  }

  window.deskReplace = { isBusy, put, putRows };

  // --- What is drawn anew becomes no lower than it was: what stands below it does not move up ---------

  const heights = new Map(); // by the name of the part

  document.addEventListener("htmx:beforeSwap", function () {
    document.querySelectorAll("[data-keeps-height]").forEach(function (part) {
      heights.set(part.dataset.keepsHeight, heightOf(part));
    });
  });

  ["htmx:afterSwap", "htmx:afterSettle"].forEach(function (name) {
    document.addEventListener(name, function () {
      heights.forEach(function (least, part) {
        const one = document.querySelector(`[data-keeps-height="${part}"]`);
        if (one) one.style.minHeight = `${least}px`;
      });
    });
  });

  window.addEventListener("resize", function () {
    heights.clear();
    document.querySelectorAll("[data-keeps-height]").forEach((part) => (part.style.minHeight = ""));
  });
})();
