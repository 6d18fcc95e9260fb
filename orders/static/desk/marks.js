// How far the mark is from each order of an open list, anew every ten seconds. The site reads marks
// only while some page asks for them so.
(function () {
  "use strict";

  const EVERY_MS = 10000;
  const SOON_MS = 2500; // the first times: nobody may have needed marks until now
  const SOON = 3;
  const OLD_MS = 30000;
  const GONE_MS = 180000; // an older mark misleads more than none

  const list = () => document.querySelector("[data-marks]");
  const head = () => document.querySelector("#result_list thead .c-away");
  let asked = 0;

  // What was read is as old as it is, whether the site still answers or not.
  function grow() {
    const time = head() && head().querySelector("time");
    if (!time) return;
    const age = window.deskContact.now() - Date.parse(time.dateTime);
    list().classList.toggle("dk-marks-old", age > OLD_MS);
    list().classList.toggle("dk-marks-gone", age > GONE_MS);
  }

  function put(text) {
    const page = new DOMParser().parseFromString(text, "text/html");
    page.querySelectorAll("td").forEach(function (fresh) {
      const cell = document.getElementById(`cell-${fresh.dataset.of}`);
      const old = cell && cell.closest("tr").querySelector(".c-away");
      if (!old) return;
      old.textContent = fresh.textContent;
      old.className = fresh.className;
    });
    const [was, is] = [head().querySelector("time"), page.querySelector("time")];
    if (was) was.remove();
    if (is) head().append(is);
  }

  async function ask() {
    const cells = Array.from(document.querySelectorAll("#result_list .dk-cell"));
    if (document.hidden || window.deskContact.isGone() || !cells.length) return;
    const query = cells.map((one) => `order=${one.id.slice("cell-".length)}`).join("&");
    const answer = await fetch(`${list().dataset.marks}?${query}`, { credentials: "same-origin" });
    window.deskContact.answered(answer);
    if (answer.status === 200 && answer.headers.get("Desk-Fragment")) put(await answer.text());
  }

  async function look() {
    asked += 1;
    try {
      await ask();
    } catch {
      window.deskContact.probe();
    }
    window.setTimeout(look, asked < SOON ? SOON_MS : EVERY_MS);
  }

  document.addEventListener("DOMContentLoaded", function () {
    if (!head()) return;
    look();
    window.setInterval(grow, 1000);
  });
})();
