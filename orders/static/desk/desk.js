// The little that the screens do by themselves: send the CSRF header, keep ages true, copy keys,
// open panic. What changes meanwhile: follow.js. No page needs a script of its own.
(function () {
  "use strict";

  const BEATS_MS = 2000; // between two looks whether a beat came for a guard that runs out

  function csrfToken() {
    const meta = document.querySelector('meta[name="csrf-token"]');
    return meta ? meta.content : "";
  }

  // --- Requests -------------------------------------------------------------------------------

  document.addEventListener("htmx:configRequest", function (event) {
    event.detail.headers["X-CSRFToken"] = csrfToken();
    const button = event.detail.elt;
    if (button.closest(".dk-cell")) event.detail.parameters.request_key = button.dataset.key ||= newKey();
  });

  // The key of a click: the same button, however often it is pressed, asks for one cancel.
  function newKey() {
    return Array.from(crypto.getRandomValues(new Uint8Array(16)), (one) => one.toString(16).padStart(2, "0")).join("");
  }

  // Only what the app marks as a fragment may enter the page: no sign-in form, no error page.
  document.addEventListener("htmx:beforeSwap", function (event) {
    const answer = event.detail.xhr;
    if (answer.status === 204) return; // nothing new
    if (answer.getResponseHeader("Desk-Fragment")) {
      if (answer.status >= 400) {
        event.detail.shouldSwap = false;
        say(event.detail.target, answer.responseText, true);
      }
      return;
    }
    event.detail.shouldSwap = false;
    if (event.detail.elt.matches("[data-poll]") && answer.status >= 500) return; // the strip tells
    if (answer.responseURL && answer.responseURL.includes("/login/")) {
      const isAct = event.detail.requestConfig.verb !== "get";
      document.dispatchEvent(new CustomEvent("desk:signed-out", { detail: { isAct } }));
      return;
    }
    say(event.detail.target, `That did not work (${answer.status}). Reload the page to see what was recorded.`);
  });

  document.addEventListener("htmx:sendError", function (event) {
    if (!event.detail.elt.matches("[data-poll]")) say(event.detail.target, "The desk app does not answer. Clicking again is safe: it stays one cancel.");
  });

  function say(target, text, isMarkup) {
    const old = target.querySelector(".dk-refusal");
    if (old) old.remove();
    const span = document.createElement("span");
    span.className = "dk-refusal";
    if (isMarkup) {
      text = new DOMParser().parseFromString(text, "text/html").body.textContent;
    }
    span.textContent = text;
    target.append(span);
  }

  // --- Panic by keyboard: `!` opens its page, `!` there goes to the red button, Enter presses it ---

  function isTyping(element) {
    const fields = "input:not([type=checkbox]), textarea, [contenteditable=true]";
    return element instanceof Element && element.closest(fields) !== null;
  }

  document.addEventListener("keydown", function (event) {
    const form = event.target instanceof Element && event.target.closest("form[data-deliberate]");
    if (form && event.key === "Enter" && event.target.tagName !== "BUTTON" && event.target.tagName !== "A") {
      event.preventDefault();
    }
    if (event.key !== "!" || event.repeat || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    if (document.documentElement.dataset.keys === "off") return;
    const button = document.getElementById("pull");
    const link = document.querySelector("[data-panic]");
    if (!button && !link) return;
    event.preventDefault();
    if (button) button.focus();
    else window.location.assign(link.href);
  });

  // --- Boxes of accounts: those of the chosen desk alone -------------------------------------------

  function showBoxesOfDesk() {
    const desk = document.querySelector("select[data-desks]");
    if (!desk) return;
    document.querySelectorAll("input[data-of-desk]").forEach(function (box) {
      const isOther = box.dataset.ofDesk !== desk.value;
      box.closest("label").hidden = isOther;
      if (isOther) box.checked = false;
    });
  }

  document.addEventListener("change", function (event) {
    if (event.target.matches("select[data-desks]")) showBoxesOfDesk();
  }, true);

  // --- Ages -------------------------------------------------------------------------------------

  function span(seconds) {
    if (seconds < 120) return `${Math.max(0, Math.round(seconds))} s`;
    if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
    if (seconds < 432000) return `${Math.round(seconds / 3600)} h`;
    return `${Math.round(seconds / 86400)} d`;
  }

  function clock(seconds) {
    const whole = Math.max(0, Math.floor(seconds));
    const parts = [Math.floor(whole / 60) % 60, whole % 60].map((one) => String(one).padStart(2, "0"));
    return (whole < 3600 ? parts : [Math.floor(whole / 3600), ...parts]).join(":");
  }

  let lookedAt = 0;

  function lookForBeats(now) {
    if (document.hidden || now - lookedAt < BEATS_MS) return;
    lookedAt = now;
    window.htmx.trigger("#site-state", "desk:changed");
  }

  function tick() {
    if (window.deskContact.isGone()) return; // what is not heard of any more has no age
    const now = window.deskContact.now();
    document.querySelectorAll("time[data-ago], time[data-age]").forEach(function (time) {
      const words = span((now - Date.parse(time.dateTime)) / 1000);
      time.textContent = time.hasAttribute("data-ago") ? `${words} ago` : words;
    });
    document.querySelectorAll("[data-until]").forEach(function (left) { // of a guard
      const leftMs = Number(left.dataset.until) - now;
      left.textContent = String(Math.max(0, Math.round(leftMs / 1000)));
      if (leftMs < Number(left.dataset.half)) lookForBeats(now); // a beat leaves no record
    });
    document.querySelectorAll("time[data-clock]").forEach(function (time) {
      time.textContent = clock((now - Date.parse(time.dateTime)) / 1000);
    });
  }

  // --- What opens over the page closes with a click beside it, or with Escape -----------------------

  function close(pop, focuses) {
    pop.open = false;
    if (focuses) pop.querySelector("summary").focus();
  }

  document.addEventListener("click", function (event) {
    document.querySelectorAll("details[data-pop][open]").forEach((one) => one.contains(event.target) || close(one, false));
  });

  document.addEventListener("keydown", function (event) {
    const open = document.querySelectorAll("details[data-pop][open]");
    if (event.key === "Escape") open.forEach((one) => close(one, one.contains(document.activeElement)));
  });

  // The exact moment of an age, in UTC, for whoever asks by pointing at it.
  document.addEventListener("pointerover", function (event) {
    const time = event.target.closest("time[data-ago], time[data-age]");
    if (time) time.title = `${time.dateTime.slice(0, 23).replace("T", " ")} UTC`;
  });

  // --- Small things -----------------------------------------------------------------------------

  document.addEventListener("click", function (event) {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    event.preventDefault();
    navigator.clipboard.writeText(button.dataset.copy || button.textContent).then(function () {
      button.classList.add("dk-copied");
      window.setTimeout(() => button.classList.remove("dk-copied"), 1200);
      const icon = button.querySelector("span");
      if (!icon) return;
      icon.textContent = "check";
      window.setTimeout(() => (icon.textContent = "content_copy"), 1200);
    });
  });

  document.addEventListener("change", function (event) {
    const form = event.target.closest("form[data-filters]");
    if (form && event.target.tagName === "SELECT") form.requestSubmit();
  });

  document.addEventListener("submit", function (event) {
    const form = event.target;
    if (form.matches("form[data-filters]")) {
      form.querySelectorAll("input, select").forEach((one) => (one.disabled = one.value === ""));
    }
    if (form.matches("form[data-once]")) {
      const buttons = [...form.querySelectorAll("button")];
      buttons.filter((one) => one !== event.submitter).forEach((one) => (one.disabled = true));
      setTimeout(() => buttons.forEach((one) => (one.disabled = true))); // once its name is in the form
    }
  });

  window.addEventListener("pageshow", function () {
    document.querySelectorAll("form[data-filters] [disabled]").forEach((one) => (one.disabled = false));
    document.querySelectorAll("form[data-once] button").forEach((one) => (one.disabled = false));
  });

  document.addEventListener("DOMContentLoaded", function () {
    showBoxesOfDesk();
    window.setInterval(tick, 1000);
  });
})();
