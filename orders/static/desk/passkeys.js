// A passkey is made, or asked to sign, before its form is sent: the browser's answer goes along with it.
(function () {
  "use strict";

  const UNSUPPORTED = "This browser has no passkeys here. Use another browser, or another second factor.";
  const NO_ANSWER = "The site did not answer. Try once more.";
  const SAID = {
    create: {
      InvalidStateError: "This device holds a passkey of yours already: use it, or set up another device.",
      NotAllowedError: "Nothing was set up: the question was closed, or it took too long.",
      ConstraintError: "This device cannot ask for a finger, a face or a PIN, which a passkey needs here.",
      NotSupportedError: "This device makes no passkey of a kind that the site knows.",
      SecurityError: "Passkeys do not work under this address: open the site by its own name.",
    },
    get: {
      NotAllowedError: "No passkey was given: the question was closed, it took too long, or this device holds none of yours.",
      InvalidStateError: "This device holds none of your passkeys.",
      SecurityError: "Passkeys do not work under this address: open the site by its own name.",
    },
  };

  const bytesOf = (text) =>
    Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (one) => one.charCodeAt(0));

  function textOf(buffer) {
    const text = Array.from(new Uint8Array(buffer), (one) => String.fromCharCode(one)).join("");
    return btoa(text).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  }

  // The options as the browser wants them: bytes where JSON has text.
  function readable(options) {
    const known = (list) => (list || []).map((one) => ({ ...one, id: bytesOf(one.id) }));
    const read = { ...options, challenge: bytesOf(options.challenge) };
    if (options.user) read.user = { ...options.user, id: bytesOf(options.user.id) };
    if (options.excludeCredentials) read.excludeCredentials = known(options.excludeCredentials);
    if (options.allowCredentials) read.allowCredentials = known(options.allowCredentials);
    return read;
  }

  function sendable(credential) {
    const response = {};
    for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
      if (credential.response[name]) response[name] = textOf(credential.response[name]);
    }
    return JSON.stringify({ id: credential.id, rawId: textOf(credential.rawId), type: credential.type, response });
  }

  class Refused extends Error {}

  async function optionsFor(form) {
    const token = new FormData();
    token.append("csrfmiddlewaretoken", form.elements.csrfmiddlewaretoken.value);
    const answer = await fetch(form.dataset.options, { method: "POST", body: token, redirect: "manual" });
    if (answer.type === "opaqueredirect") return null; // the session or its proof is over
    const told = await answer.json();
    if (told.refused) throw new Refused(told.refused);
    return readable(told.publicKey);
  }

  function wordsFor(kind, error) {
    if (error instanceof Refused) return error.message;
    if (error instanceof DOMException) return SAID[kind][error.name] || `That did not work (${error.name}).`;
    return NO_ANSWER;
  }

  function say(form, words) {
    const place = form.querySelector("[data-passkey-said]");
    place.textContent = words;
    place.hidden = !words;
  }

  async function run(form) {
    const kind = form.dataset.passkey;
    if (!window.PublicKeyCredential || !navigator.credentials) return say(form, UNSUPPORTED);
    say(form, "");
    const button = form.querySelector("button[type=submit]");
    button.disabled = true;
    try {
      const publicKey = await optionsFor(form);
      if (publicKey === null) return window.location.replace(window.location.pathname + window.location.search);
      form.elements.passkey.value = sendable(await navigator.credentials[kind]({ publicKey }));
      form.submit();
    } catch (error) {
      say(form, wordsFor(kind, error));
      button.disabled = false;
      button.focus();
    }
  }

  document.addEventListener("submit", function (event) {
    if (!event.target.matches("form[data-passkey]")) return;
    event.preventDefault();
    run(event.target);
  });

  window.addEventListener("pageshow", function () {
    for (const form of document.querySelectorAll("form[data-passkey]")) {
      form.hidden = false;
      form.querySelector("button[type=submit]").disabled = false;
      if (form.dataset.passkey === "get" && !form.hasAttribute("data-beside")) form.querySelector("button[type=submit]").focus();
    }
  });
})();
