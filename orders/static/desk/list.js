// What lists do by themselves: select rows, and ask for those that still go on.
(function () {
  "use strict";

  // --- Selection: how many, all of the page, a range by Shift, all that the filter shows -----------

  const boxes = () => Array.from(document.querySelectorAll("#result_list .action-select"));
  let last = null; // the box clicked last, where a range begins

  function show(selector, isShown) {
    document.querySelectorAll(`#changelist-form ${selector}`).forEach((one) => one.classList.toggle("hidden", !isShown));
  }

  function count(isAcross) {
    const all = boxes();
    const chosen = all.filter((one) => one.checked).length;
    const isWhole = all.length > 0 && chosen === all.length;
    const counter = document.querySelector("#changelist-form .action-counter");
    if (counter) counter.textContent = `${chosen} of ${all.length} selected`;
    const toggle = document.getElementById("action-toggle");
    toggle.checked = isWhole;
    toggle.indeterminate = chosen > 0 && !isWhole;
    document.querySelectorAll("#changelist-form .select-across").forEach((one) => (one.value = isAcross ? 1 : 0));
    show(".action-counter", !isAcross);
    show(".all", isAcross);
    show(".question", isWhole && !isAcross);
    show(".clear", isAcross);
  }

  function chooseAll(isChosen) {
    boxes().forEach((one) => (one.checked = isChosen));
    count(false);
  }

  document.addEventListener("click", function (event) {
    const box = event.target.closest("#result_list .action-select");
    if (box) {
      const all = boxes();
      const [from, to] = [all.indexOf(last), all.indexOf(box)].sort((a, b) => a - b);
      if (event.shiftKey && from >= 0) all.slice(from, to + 1).forEach((one) => (one.checked = box.checked));
      last = box;
      count(false);
    }
    if (event.target.id === "action-toggle") chooseAll(event.target.checked);
    const link = event.target.closest("#changelist-form :is(.question, .clear) a");
    if (!link) return;
    event.preventDefault();
    if (link.closest(".question")) count(true);
    else chooseAll(false);
  });

  document.addEventListener("change", (event) => event.target.matches("#result_list .action-select") && count(false));

  // --- Rows that still go on are asked for, as long as there are any ---------------------------------

  const going = () => Array.from(document.querySelectorAll("#result_list tr[data-goes]"), (row) => row.dataset.row);
  const isOfRows = (event) => event.detail.elt.id === "list-rows";

  document.addEventListener("htmx:configRequest", function (event) {
    if (isOfRows(event)) event.detail.path += `?${going().map((pk) => `row=${pk}`).join("&")}`;
  });

  document.addEventListener("htmx:afterOnLoad", function (event) {
    const { elt: part, xhr: answer } = event.detail;
    if (!isOfRows(event) || answer.status !== 200 || !answer.getResponseHeader("Desk-Fragment")) return;
    if (!window.deskReplace.isBusy(part)) window.deskReplace.putRows(answer.responseText);
    if (narrow.matches) label();
    if (!going().length) part.remove();
  });

  document.addEventListener("DOMContentLoaded", function () {
    if (!going().length) document.getElementById("list-rows")?.remove();
  });

  // --- On a narrow window a row is a card, and each cell says what it is -----------------------------

  function label() {
    const heads = Array.from(document.querySelectorAll("#result_list thead th"), (one) => one.textContent.trim());
    document.querySelectorAll("#result_list tbody tr").forEach(function (row) {
      Array.from(row.cells).forEach((one, at) => heads[at] && (one.dataset.label = heads[at]));
    });
  }

  // --- The filters stand in a row, or open from it where there is little room ------------------------

  const WIDE_PX = 1100; // as in list.css
  const fold = document.querySelector("details[data-fold]");

  function turn() {
    const isWide = document.getElementById("content").clientWidth > WIDE_PX;
    if (isWide === fold.open && isWide !== fold.hasAttribute("data-pop")) return;
    fold.toggleAttribute("data-pop", !isWide);
    fold.open = isWide;
  }

  if (fold) {
    turn();
    window.addEventListener("resize", turn);
  }

  const bar = document.querySelector(".dk-above");
  const measure = () => document.documentElement.style.setProperty("--dk-filters", `${bar.offsetHeight}px`);
  if (bar) new ResizeObserver(measure).observe(bar);

  const narrow = window.matchMedia("(max-width: 640px)");
  narrow.addEventListener("change", label);
  if (narrow.matches) label();

  window.addEventListener("pageshow", () => document.getElementById("action-toggle") && count(false));
})();
