// Whether the site answers, and what its clock says. Where it does not answer, a strip says since
// when, what was live is grey, and nothing typed is sent off into nowhere.
(function () {
  "use strict";

  const NOW = "Desk-Now"; // on every answer of the site: its time in ms since 1970
  const PROBE_MS = 3000; // how long an answer may take
  const AGAIN_MS = 2000;
  const QUIET_MS = { polling: 8000, following: 20000 }; // then one asks by itself
  const SAME_CLOCK_MS = 2000;

  let offset = 0; // the site's clock minus ours
  let heardAt = 0; // the last answer, by our clock
  let isGone = false;
  let isProbing = false;

  const frame = () => document.querySelector("[data-now]");

  // --- What every answer tells ----------------------------------------------------------------------

  // An answer is as old as its way here: of what two of them tell, the later time is nearer.
  function setClock(now) {
    const told = now - Date.now();
    offset = Math.abs(told - offset) > SAME_CLOCK_MS ? told : Math.max(told, offset);
  }

  // Of any answer, its status and headers. What only a proxy says is none of the site's.
  function answered(status, header) {
    const now = Number(header(NOW));
    if (!now) return status >= 500 ? probe() : undefined;
    setClock(now);
    heardAt = Date.now();
    return come();
  }

  const answeredFetch = (answer) => answered(answer.status, (name) => answer.headers.get(name));

  function come() {
    if (!isGone) return;
    isGone = false;
    show("no-contact", false);
    delete document.documentElement.dataset.contact;
    document.dispatchEvent(new Event("desk:contact"));
  }

  function go() {
    if (isGone) return;
    isGone = true;
    document.documentElement.dataset.contact = "gone";
    const time = new Date(heardAt + offset).toISOString().slice(11, 19);
    document.querySelectorAll("#no-contact [data-since]").forEach((one) => (one.textContent = time));
    show("no-contact", true);
  }

  function show(id, isShown) {
    const strip = document.getElementById(id);
    if (strip) strip.hidden = !isShown;
  }

  // --- Asking ----------------------------------------------------------------------------------------

  async function probe() {
    const page = frame();
    if (isProbing || !page || !page.dataset.probe) return;
    isProbing = true;
    try {
      const signal = AbortSignal.timeout(PROBE_MS);
      const answer = await fetch(page.dataset.probe, { redirect: "manual", cache: "no-store", signal });
      if (answer.type === "opaqueredirect") document.dispatchEvent(new Event("desk:signed-out"));
      else if (answer.headers.get(NOW)) answeredFetch(answer);
      else go();
    } catch {
      go();
    }
    isProbing = false;
    if (isGone) window.setTimeout(probe, AGAIN_MS);
  }

  function look() {
    if (document.hidden || isGone) return;
    const isFollowing = document.documentElement.dataset.line === "stands";
    if (Date.now() - heardAt > (isFollowing ? QUIET_MS.following : QUIET_MS.polling)) probe();
  }

  document.addEventListener("htmx:beforeOnLoad", function (event) {
    const answer = event.detail.xhr;
    answered(answer.status, (name) => answer.getResponseHeader(name));
  });
  ["htmx:sendError", "htmx:timeout"].forEach((name) => document.addEventListener(name, probe));
  document.addEventListener("visibilitychange", look);
  window.addEventListener("offline", probe);

  // --- Nothing is sent into nowhere --------------------------------------------------------------------

  document.addEventListener(
    "submit",
    function (event) {
      if (!isGone || event.target.method !== "post") return;
      event.preventDefault();
      event.stopImmediatePropagation();
      const strip = document.getElementById("no-contact");
      strip.querySelector("[data-unsent]").hidden = false;
      strip.focus();
    },
    true,
  );

  document.addEventListener("DOMContentLoaded", function () {
    const page = frame();
    if (!page) return;
    setClock(Number(page.dataset.now));
    heardAt = Date.now();
    window.setInterval(look, 1000);
  });

  window.deskContact = {
    answered: answeredFetch,
    now: () => Date.now() + offset,
    isGone: () => isGone,
    probe,
  };
})();
