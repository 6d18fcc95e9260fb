// What was typed or chosen is kept: over a sign-in in between, an error page, the way back to a list.
// Of a button alone it is said that it was not done. It stays in this tab's own storage. Passwords, keys
// and files are never kept.
(function () {
  "use strict";

  const KEY = "desk:kept";
  const LIST = "desk:list:"; // and the list's path
  const FORMS = "form[data-kept], #desk_form, #account_form, #user_form, #changelist-form";
  const BUTTONS = ["submit", "button", "image", "reset"];
  const NEVER = ["password", "file", ...BUTTONS];
  const AT_ONCE_MS = 1000; // from a submit to the start of the load of its answer
  const UNDONE = "Nothing was done yet.";
  const UNKNOWN = "It is not known whether this was done: look before you send it again.";

  const path = (address) => new URL(address, window.location.href).pathname;
  const person = () => document.querySelector("[data-person]")?.dataset.person;

  function read() {
    try {
      return JSON.parse(window.sessionStorage.getItem(KEY));
    } catch {
      return null;
    }
  }

  function write(kept) {
    try {
      if (kept) window.sessionStorage.setItem(KEY, JSON.stringify(kept));
      else window.sessionStorage.removeItem(KEY);
    } catch {
      // no storage, or more than it holds: then nothing is kept
    }
  }

  // --- The fields of a form -------------------------------------------------------------------------

  // The key of an act is kept too, so that the act sent once more stays one act. So is what the form showed:
  // what somebody changed since is told.
  function isKept(field) {
    if (!field.name || NEVER.includes(field.type)) return false;
    return field.type !== "hidden" || field.name === "request_key" || field.name === "shown";
  }

  function valuesOf(field) {
    if (field.type === "checkbox" || field.type === "radio") return field.checked ? [field.value] : [];
    if (field.type === "select-multiple") return Array.from(field.selectedOptions, (one) => one.value);
    return [field.value];
  }

  function fieldsOf(form) {
    const kept = {};
    for (const field of form.elements) {
      if (isKept(field)) kept[field.name] = [...(kept[field.name] || []), ...valuesOf(field)];
    }
    return kept;
  }

  function fill(field, values) {
    if (field.type === "checkbox" || field.type === "radio") field.checked = values.includes(field.value);
    else if (field.options) Array.from(field.options).forEach((one) => (one.selected = values.includes(one.value)));
    else if (values.length) field.value = values[0];
  }

  // What a button says, where it is all there is to press: nothing of its form is kept.
  function wordsOf(form, button) {
    const words = (button || form.querySelector("button"))?.textContent || "That";
    return words.trim().replace(/\s+/g, " ");
  }

  function keepPress(form, button) {
    const at = performance.timeOrigin + performance.now();
    write({ pressed: wordsOf(form, button), fields: {}, person: person(), isInterrupted: false, isUndone: false, at });
  }

  // isUndone: never sent, or answered by a page that says so. Else nobody knows.
  function keep(form, isInterrupted) {
    const at = performance.timeOrigin + performance.now();
    const said = { fields: fieldsOf(form), isInterrupted, isUndone: isInterrupted, at };
    write({ action: path(form.action), person: person(), ...said });
  }

  function interrupted(kept, says) {
    const isAnswer = Math.abs(performance.timeOrigin - kept.at) < AT_ONCE_MS; // and no later page
    write({ ...kept, isInterrupted: true, isUndone: kept.isUndone || (isAnswer && says === "undone") });
  }

  function isHalfFilled(form) {
    return Array.from(form.elements).some(function (field) {
      if (field.type === "file") return field.files.length > 0;
      if (!field.name || field.type === "hidden" || BUTTONS.includes(field.type)) return false;
      if (field.type === "checkbox" || field.type === "radio") return field.checked !== field.defaultChecked;
      if (field.options) return Array.from(field.options).some((one) => one.defaultSelected && !one.selected);
      return field.value !== field.defaultValue;
    });
  }

  // --- Keeping it, and giving it back -----------------------------------------------------------------

  function isAct(form) {
    const isOnTheWayIn = document.querySelector("meta[name=between]") !== null || !person();
    return form.method === "post" && !isOnTheWayIn && !path(form.action).endsWith("/logout/");
  }

  document.addEventListener("submit", function (event) {
    if (event.target.matches(FORMS)) keep(event.target, false);
    else if (isAct(event.target)) keepPress(event.target, event.submitter);
  }, true);

  function isBack() {
    const [way] = performance.getEntriesByType("navigation");
    return way !== undefined && way.type === "back_forward";
  }

  function notice(words) {
    const said = document.createElement("p");
    said.className = "dk-notice";
    said.setAttribute("role", "status");
    said.textContent = words;
    return said;
  }

  // Above the page, of which parts are drawn anew; the button itself may be gone meanwhile.
  function sayPressed(kept) {
    const page = document.querySelector(".dk-page:not([data-poll])") || document.querySelector("main");
    const unknown = `It is not known whether “${kept.pressed}” was done: look before you press it again.`;
    page.prepend(notice(kept.isUndone ? `“${kept.pressed}” was not done.` : unknown));
  }

  function giveBack(kept) {
    if (kept.person !== person()) return;
    if (kept.pressed) {
      sayPressed(kept);
      return;
    }
    const form = Array.from(document.querySelectorAll(FORMS)).find((one) => path(one.action) === kept.action);
    if (!form) return;
    for (let fold = form.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
    const fields = Array.from(form.elements).filter((one) => isKept(one) && one.name in kept.fields);
    fields.forEach((field) => fill(field, kept.fields[field.name]));
    fields.forEach((field) => field.dispatchEvent(new Event("change", { bubbles: true })));
    form.prepend(notice(`${kept.isUndone ? UNDONE : UNKNOWN} What you typed or chose stands here again.`));
  }

  // --- A session that ended meanwhile ------------------------------------------------------------------

  document.addEventListener("desk:signed-out", function (event) {
    const isPressed = event.detail?.isAct === true; // something was clicked, and was not done
    const forms = Array.from(document.forms).filter((one) => one.method === "post" && isHalfFilled(one));
    const strip = document.getElementById("signed-out");
    if ((!forms.length && !isPressed) || !strip) return window.location.reload();
    strip.hidden = false;
    if (isPressed) strip.querySelector("[data-undone]").hidden = false;
    return undefined;
  });

  document.addEventListener("click", function (event) {
    if (!event.target.closest("#signed-out a")) return;
    const form = Array.from(document.querySelectorAll(FORMS)).find(isHalfFilled);
    if (form) keep(form, true);
  });

  // --- The way back to a list ----------------------------------------------------------------------------

  function rememberList() {
    try {
      if (document.getElementById("changelist")) {
        window.sessionStorage.setItem(LIST + window.location.pathname, window.location.search);
      }
      document.querySelectorAll("a[data-back]").forEach(function (link) {
        const search = window.sessionStorage.getItem(LIST + path(link.href));
        if (search && !new URL(link.href).search) link.href += search;
      });
    } catch {
      // no storage: the whole list
    }
  }

  document.addEventListener("DOMContentLoaded", function () {
    rememberList();
    const kept = read();
    if (!kept) return;
    const between = document.querySelector("meta[name=between]");
    if (between) return interrupted(kept, between.content);
    write(null);
    return kept.isInterrupted || isBack() ? giveBack(kept) : undefined;
  });
})();
