#!/usr/bin/env bash
# apprise 1.12.0: an alert that has a title and an empty body, one whose body is a space, and one
# with both, to a webhook of its json kind.
# Guess: three messages, the first with an empty message.
# Seen: two. A title alone is not sent; notify returns False, as it does for a server that is down.
# A space is a body, and what it sends is the empty message that was refused before.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip -qq --disable-pip-version-check install --no-compile apprise==1.12.0 2>/dev/null
"$folder/venv/bin/python" - <<'PYTHON'
import http.server
import json
import threading

import apprise

heard = []


class Hook(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        heard.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        """Say nothing."""


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hook)
threading.Thread(target=server.serve_forever, daemon=True).start()
alerts = apprise.Apprise()
assert alerts.add(f"json://127.0.0.1:{server.server_port}/hook")
said = [alerts.notify(title="Panic: 5 orders left", body=body) for body in ("", " ", "BTC")]
bodies = [one["message"] for one in heard]
print("apprise", apprise.__version__, " notify:", said, " messages that came:", bodies)
assert said == [False, True, True] and bodies == ["", "BTC"], (said, bodies)
PYTHON
