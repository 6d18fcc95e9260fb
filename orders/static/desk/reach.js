// What a keyboard and a screen reader reach: keys for rows, icons without names, outcomes said
// aloud, and a focus that stays where one was.
(function () {
  "use strict";

  const OFF = "deskKeysOff"; // in the browser's storage: single keys do nothing
  const root = document.documentElement;
  root.dataset.keys = localStorage.getItem(OFF) ? "off" : "on";

  // --- Names ------------------------------------------------------------------------------------

  // An icon is a ligature: its letters are no word. What scrolls must be reached without a pointer.
  function name(part) {
    part.querySelectorAll(".material-symbols-outlined").forEach((icon) => icon.setAttribute("aria-hidden", "true"));
    part.querySelectorAll("main th").forEach(function (head) {
      if (head.textContent.trim() || head.querySelector("input")) return;
      head.append(Object.assign(document.createElement("span"), { className: "dk-unseen", textContent: "Acts" }));
    });
    part.querySelectorAll(".dk-scroll, .dk-code").forEach(function (box) {
      if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
      else box.removeAttribute("tabindex");
    });
  }

  // The theme calls everything that scrolls the same.
  function nameScrollers() {
    document.querySelectorAll("[data-simplebar]").forEach(function (box) {
      const isMenu = box.id === "nav-sidebar-apps";
      box.dataset.simplebarAriaLabel = isMenu ? "Entries of the menu" : "Rows of the list";
    });
    const menu = document.getElementById("nav-sidebar-inner");
    if (menu) menu.setAttribute("aria-label", "Menu");
  }

  // --- Outcomes, said aloud -----------------------------------------------------------------------

  const MOST_NAMED = 3;
  const known = new Map(); // what each order's cell said last, by its id

  function changed() {
    const found = [];
    document.querySelectorAll(".dk-cell[data-order]").forEach(function (cell) {
      const status = cell.querySelector(".dk-status");
      const words = status ? status.textContent.trim().replace(/\s+/g, " ") : "";
      const before = known.get(cell.id);
      known.set(cell.id, words);
      if (before !== undefined && before !== words && words) found.push([cell.dataset.order.split("-")[1], words]);
    });
    return found;
  }

  function hear() {
    const found = changed();
    const box = document.getElementById("said");
    if (!found.length || !box) return;
    const named = found.map(([id, words]) => `Order ${id}: ${words}.`);
    box.textContent = found.length > MOST_NAMED ? `${found.length} orders changed. ${named[0]}` : named.join(" ");
  }

  // --- Focus ------------------------------------------------------------------------------------

  let place = null; // the part of the page that had the focus before a button in it went

  function keep(element) {
    const isKept = !element.id && element.matches(":focus"); // htmx keeps what has an id
    if (isKept) place = element.closest("tr, section, main");
  }

  document.addEventListener("htmx:beforeRequest", (event) => keep(event.detail.elt)); // it disables it
  document.addEventListener("htmx:beforeSwap", function (event) {
    if (event.detail.target.contains(document.activeElement)) keep(document.activeElement);
  });

  // Whoever goes elsewhere meanwhile stays there.
  ["focusin", "pointerdown"].forEach((name) => document.addEventListener(name, () => (place = null), true));

  function restore() {
    const isLost = document.activeElement === document.body;
    const first = place && isLost && place.querySelector(".dk-cell button:enabled, input.action-select, a, button");
    if (first) first.focus();
  }

  document.addEventListener("htmx:afterSettle", restore);
  document.addEventListener("desk:replacing", (event) => keep(event.target));
  document.addEventListener("desk:replaced", restore);

  // --- Keys: / j k x c ? ----------------------------------------------------------------------------

  const rows = () => Array.from(document.querySelectorAll("#result_list tbody tr"));

  function rowAtHand() {
    return document.activeElement.closest("#result_list tbody tr") || document.querySelector("tr.dk-at");
  }

  function step(by) {
    const all = rows();
    const to = all[Math.max(0, Math.min(all.length - 1, all.indexOf(rowAtHand()) + by))];
    if (!to) return;
    document.querySelectorAll("tr.dk-at").forEach((row) => row.classList.remove("dk-at"));
    to.classList.add("dk-at");
    const first = to.querySelector("input.action-select, a, button");
    if (first) first.focus();
    to.scrollIntoView({ block: "nearest" });
  }

  function press(button) {
    if (button && !button.disabled) button.click();
  }

  // What is selected goes to its confirmation; else the row at hand, or the one order of the page.
  function cancel() {
    const row = rowAtHand();
    const cells = (row || document).querySelectorAll(".dk-cell button[hx-post]");
    if (document.querySelector("input.action-select:checked")) press(document.querySelector("button[name=index]"));
    else if (cells.length === 1) press(cells[0]);
  }

  function search() {
    const field = document.querySelector("#searchbar, [data-filters] input:not([type=hidden])");
    const fold = field && field.closest("details");
    if (fold) fold.open = true;
    if (field) field.focus();
  }

  const KEYS = {
    "/": search,
    j: () => step(1),
    k: () => step(-1),
    x: () => press(rowAtHand() && rowAtHand().querySelector("input.action-select")),
    c: cancel,
    "?": () => document.getElementById("keys").showModal(),
  };

  function isTyping(element) {
    const fields = "input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable=true], dialog";
    return element instanceof Element && element.closest(fields) !== null;
  }

  document.addEventListener("keydown", function (event) {
    const isPlain = !event.repeat && !event.ctrlKey && !event.metaKey && !event.altKey;
    if (!isPlain || root.dataset.keys === "off" || isTyping(event.target) || !(event.key in KEYS)) return;
    if (!document.getElementById("keys")) return;
    event.preventDefault();
    KEYS[event.key]();
  });

  document.addEventListener("change", function (event) {
    if (event.target.id !== "keys-on") return;
    root.dataset.keys = event.target.checked ? "on" : "off";
    if (event.target.checked) localStorage.removeItem(OFF);
    else localStorage.setItem(OFF, "1");
  });

  document.addEventListener("click", function (event) {
    if (event.target.closest("[data-list-keys]")) document.getElementById("keys").showModal();
  });

  // --- Counts, in the menu and on the overview ------------------------------------------------------

  function count() {
    const box = document.getElementById("counts");
    if (!box) return;
    const counts = JSON.parse(box.dataset.counts);
    document.querySelectorAll("[data-count]").forEach(function (place) {
      const words = String(counts[place.dataset.count]);
      if (place.textContent.trim() !== words) place.textContent = words;
      if (place.matches(".dk-count")) place.hidden = words === "0";
    });
  }

  document.addEventListener("htmx:afterSettle", count);

  // --- All of it ----------------------------------------------------------------------------------

  let isDue = false;
  function look() {
    isDue = false;
    name(document);
    hear();
  }

  document.addEventListener("DOMContentLoaded", function () {
    nameScrollers();
    look();
    const box = document.getElementById("keys-on");
    if (box) box.checked = root.dataset.keys === "on";
    new MutationObserver(function () {
      if (!isDue) window.setTimeout(look, 100);
      isDue = true;
    }).observe(document.body, { childList: true, subtree: true });
  });
})();
