"""One line serves all pages of a browser: who comes late, or while it is down, misses nothing."""

from pathlib import Path

import pytest
from django.contrib.staticfiles.finders import find

from tests.browser.test_click import pytestmark as pytestmark

# The script as a shared worker of no site: `open` makes a page, `say` lets the server speak.
WORKER = """(script) => {
  const sources = [];
  class Source {
    constructor(address) { this.said = {}; this.address = address; sources.push(this); }
    addEventListener(name, act) { this.said[name] = act; }
    close() { this.readyState = Source.CLOSED; }
  }
  Source.CLOSED = 2;
  class Scope { setInterval() {} setTimeout() { return 1; } clearTimeout() {} }
  const scope = new Scope();
  new Function("self", "EventSource", "SharedWorkerGlobalScope", script)(scope, Source, Scope);
  window.sources = sources;
  window.say = (name, position) =>
    sources.at(-1).said[name]({ lastEventId: String(position), data: "{}" });
  window.open = (after) => {
    const heard = [], port = { postMessage: (message) => heard.push(message.kind) };
    scope.onconnect({ ports: [port] });
    const say = (kind) => port.onmessage({ data: { kind, address: "/events", after } });
    say("follow");
    return { heard, leave: () => say("bye") };
  };
}"""
FALLEN = {
    "it stands": "",
    "it is down": "sources[0].onerror();",
    "it ended": "say('end', '');",
    "nobody was left": "first.leave();",
}


@pytest.fixture
def worker(page):
    """A page with the script and nothing of the site."""
    page.goto("about:blank")
    page.evaluate(WORKER, Path(find("desk/events.js")).read_text())
    return page


@pytest.mark.parametrize("what", FALLEN)
def test_a_page_that_comes_late_is_told_what_the_line_heard_before(worker, what):
    act = """() => {
      const first = window.open(100);
      say("hello", 100);
      say("change", 101);
      FALLEN
      return window.open(100).heard;
    }"""
    assert "change" in worker.evaluate(act.replace("FALLEN", FALLEN[what]))


def test_a_page_that_knows_as_much_is_told_nothing_again(worker):
    act = """() => {
      window.open(100);
      say("hello", 100);
      say("change", 101);
      return window.open(101).heard;
    }"""
    assert worker.evaluate(act) == ["stands"]


def test_a_page_from_before_what_is_kept_reads_all(worker):
    act = """() => {
      window.open(100);
      say("hello", 100);
      sources[0].onerror();
      return window.open(99).heard;
    }"""
    assert worker.evaluate(act) == ["reload"]
