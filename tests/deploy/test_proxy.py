"""The proxies in front: nginx runs before a server of the test, Caddy takes its file."""

import contextlib
import gzip
import http.client
import re
import shutil
import socket
import ssl
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from desk.demo.stack import free_port
from orders.admin.push.limits import Limits as PushLimits
from tests.deploy.units import ROOT

PROXY = ROOT / "deploy" / "proxy"
NGINX, CADDY = shutil.which("nginx", path="/usr/sbin:/usr/bin"), shutil.which("caddy")
with_nginx = pytest.mark.skipif(NGINX is None, reason="nginx is not installed")
PATIENCE_S = 60
PAGE = b"<p>A page of the site, with many rows.</p>" * 100
HASHED = "desk.0123456789ab.css"


class Behind(BaseHTTPRequestHandler):
    """Answers at once with what came; under /events one piece, and the next when it is told."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.server.seen.append((self.command, self.path, dict(self.headers)))
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path.endswith("/events"):
            return self._stream()
        body = PAGE if self.path == "/admin/page/" else b"ok"
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        return None

    do_POST = do_GET

    def _stream(self):
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        self.wfile.write(b": first\n\n")
        self.wfile.flush()
        self.server.goes_on.wait(PATIENCE_S)
        self.wfile.write(b": second\n\n")

    def log_message(self, *args):
        """Tests are quiet."""


@pytest.fixture
def behind():
    with serving(0) as server:
        yield server


@contextlib.contextmanager
def serving(port):
    server = ThreadingHTTPServer(("127.0.0.1", port), Behind)
    server.daemon_threads = True
    server.seen, server.goes_on = [], threading.Event()
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    server.goes_on.set()
    server.shutdown()
    server.server_close()


@pytest.fixture
def front(behind, tmp_path):
    """nginx, with web and push behind it that are one server of the test."""
    with nginx_before(tmp_path, web=behind.server_port, push=behind.server_port) as port:
        yield port


@contextlib.contextmanager
def nginx_before(tmp_path, *, web, push):
    """nginx with our file: other ports, a certificate of its own, static files of the test."""
    (tmp_path / "staticfiles").mkdir()
    (tmp_path / "staticfiles" / "desk.css").write_text("body {}")
    (tmp_path / "staticfiles" / HASHED).write_text("body {}")
    (tmp_path / "staticfiles" / f"{HASHED}.gz").write_bytes(gzip.compress(b"body {}"))
    tmp_path.chmod(0o755)
    port = plain = free_port()
    while plain == port:  # a port that was free may be given again
        plain = free_port()
    text = (PROXY / "nginx.conf").read_text()
    text = re.sub(r"(?m)^ +listen \[::\].*\n", "", text)
    text = text.replace("listen 443", f"listen 127.0.0.1:{port}")
    text = text.replace("listen 80", f"listen 127.0.0.1:{plain}")
    text = text.replace("127.0.0.1:8000", f"127.0.0.1:{web}")
    text = text.replace("127.0.0.1:8001", f"127.0.0.1:{push}")
    text = text.replace("/etc/ssl/pacifica-desk", str(tmp_path))
    text = text.replace("/opt/pacifica-desk", str(tmp_path))
    text = text.replace("rate=20r/s", "rate=1r/m")  # so that no machine is too slow to use it up
    (tmp_path / "desk.conf").write_text(text)
    (tmp_path / "nginx.conf").write_text(AROUND.replace("%", str(tmp_path)))
    subprocess.run(CERTIFICATE, cwd=tmp_path, check=True, capture_output=True)
    tested = subprocess.run([*nginx(tmp_path), "-t"], capture_output=True, text=True)
    assert tested.returncode == 0, tested.stderr
    process = subprocess.Popen([*nginx(tmp_path), "-g", "daemon off;"], stderr=subprocess.DEVNULL)
    try:
        wait_for(port)
        yield port
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


def nginx(folder):
    return [NGINX, "-p", str(folder), "-e", str(folder / "error.log"), "-c", "nginx.conf"]


AROUND = """
user root;
pid %/pid;
worker_processes 1;
events { worker_connections 200; }
http {
    access_log off;
    client_body_temp_path %/body;
    proxy_temp_path %/proxy;
    fastcgi_temp_path %/fastcgi;
    uwsgi_temp_path %/uwsgi;
    scgi_temp_path %/scgi;
    include %/desk.conf;
}
"""
CERTIFICATE = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
CERTIFICATE += ["-nodes", "-keyout", "privkey.pem", "-out", "fullchain.pem", "-days", "2"]
CERTIFICATE += ["-subj", "/CN=desk.example.com"]


def wait_for(port):
    ends_at = time.monotonic() + PATIENCE_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            assert time.monotonic() < ends_at
            time.sleep(0.05)


def connected(port):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return http.client.HTTPSConnection("127.0.0.1", port, timeout=PATIENCE_S, context=context)


def asked(port, path, headers=(), method="GET"):
    answer, body = answered(port, path, headers, method)
    return answer.status, body


def answered(port, path, headers=(), method="GET"):
    connection = connected(port)
    connection.request(method, path, headers={"Host": "desk.example.com"} | dict(headers))
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer, body


@with_nginx
def test_what_a_client_says_of_itself_never_reaches_the_web(front, behind):
    lies = {"X-Forwarded-For": "10.9.9.9", "X-Forwarded-Proto": "http", "Forwarded": "for=1"}
    assert asked(front, "/admin/", lies | {"X-Forwarded-Host": "evil.example"})[0] == 200
    ((_, _, headers),) = behind.seen
    assert headers["X-Forwarded-For"] == "127.0.0.1"
    assert headers["X-Forwarded-Proto"] == "https"
    assert headers["Host"] == "desk.example.com"
    assert not {"Forwarded", "X-Forwarded-Host"} & set(headers)


@with_nginx
@pytest.mark.parametrize("path", ["/events", "/api/v1/jobs/7/events"])
def test_a_streams_first_piece_arrives_before_its_second_is_made(front, behind, path):
    connection = connected(front)
    connection.request("GET", path, headers={"Host": "desk.example.com"})
    answer = connection.getresponse()
    assert answer.read1(100) == b": first\n\n"
    behind.goes_on.set()
    assert answer.read() == b": second\n\n"
    connection.close()


@with_nginx
def test_a_panic_goes_through_where_the_pages_allowance_is_used_up(front):
    statuses = [asked(front, "/admin/orders/order/")[0] for _ in range(70)]
    assert (statuses[0], statuses[-1]) == (200, 429)
    assert asked(front, "/admin/orders/panicline/pull/")[0] == 200


@with_nginx
def test_a_host_of_many_bots_beats_where_the_pages_allowance_is_used_up(front):
    assert {asked(front, f"/api/v1/guards/{n}/beat")[0] for n in range(70)} == {200}


@with_nginx
def test_a_beat_is_heard_by_the_web_where_push_is_away(tmp_path, behind):
    with nginx_before(tmp_path, web=behind.server_port, push=free_port()) as port:
        assert asked(port, "/api/v1/guards/7/beat", method="POST") == (200, b"ok")
    ((method, path, _),) = behind.seen
    assert (method, path) == ("POST", "/api/v1/guards/7/beat")


def test_beats_in_flight_use_up_nobody_elses_connections():
    (beats,) = re.findall(r"location \S+ \^/api/v1/guards/.*?\}", nginx_text(), re.S)
    (zone,) = re.findall(r"limit_conn (\w+) ", beats)
    assert nginx_text().count(f"limit_conn {zone} ") == 1


@with_nginx
def test_beats_are_heard_again_as_soon_as_the_web_answers(tmp_path):
    """Both were away: nginx would ask nobody for ten seconds, in which guards fire."""
    web = free_port()
    with nginx_before(tmp_path, web=web, push=free_port()) as port:
        assert asked(port, "/api/v1/guards/7/beat", method="POST")[0] == 502
        with serving(web):
            assert asked(port, "/api/v1/guards/7/beat", method="POST") == (200, b"ok")


@with_nginx
def test_a_slow_body_takes_none_of_the_webs_threads(front, behind):
    slow = connected(front)
    slow.putrequest("POST", "/admin/slow/", skip_host=True)
    slow.putheader("Host", "desk.example.com")
    slow.putheader("Content-Length", "1000")
    slow.endheaders()
    slow.send(b"x" * 10)
    assert asked(front, "/admin/")[0] == 200
    assert [path for _, path, _ in behind.seen] == ["/admin/"]
    slow.send(b"x" * 990)
    assert slow.getresponse().status == 200
    slow.close()


@with_nginx
def test_static_files_do_not_reach_the_web(front, behind):
    assert asked(front, "/static/desk.css") == (200, b"body {}")
    assert behind.seen == []
    for path in ("/static/../desk.conf", "/static/%2e%2e/desk.conf", "/static../desk.conf"):
        assert b"server" not in asked(front, path)[1]


@with_nginx
def test_pages_and_static_files_go_compressed(front):
    for path, whole in (("/admin/page/", PAGE), (f"/static/{HASHED}", b"body {}")):
        answer, body = answered(front, path, {"Accept-Encoding": "gzip"})
        assert answer.getheader("Content-Encoding") == "gzip"
        assert gzip.decompress(body) == whole
        assert answered(front, path)[1] == whole


@with_nginx
def test_a_file_named_by_its_content_is_kept_for_good_and_no_other(front):
    kept, _ = answered(front, f"/static/{HASHED}")
    assert "immutable" in kept.getheader("Cache-Control")
    for path in ("/static/desk.css", "/static/missing.0123456789ab.css"):
        assert "immutable" not in (answered(front, path)[0].getheader("Cache-Control") or "")


@with_nginx
def test_strangers_do_not_ask_for_health(front, behind):
    assert [asked(front, path)[0] for path in ("/health/live", "/health/ready")] == [404, 404]
    assert behind.seen == []


def test_the_addresses_with_an_allowance_of_their_own_are_the_sites(db):
    from django.urls import reverse

    text = (PROXY / "nginx.conf").read_text()
    (doors,) = re.findall(r"location ~ (\S*login\S*) \{", text)
    for name in ("login", "single_sign_on", "single_sign_on_back"):
        assert re.match(doors, reverse(f"admin:{name}"))
    assert not re.match(doors, reverse("admin:orders_order_changelist"))
    panics = re.search(r"location (\S+panic\S+) \{", text)[1]
    assert reverse("admin:orders_panicline_changelist") == panics
    assert reverse("admin:orders_panicline_pull").startswith(panics)


def test_no_proxy_ends_a_stream_that_is_only_silent():
    held_s = int(re.search(r"/events.*?proxy_read_timeout (\d+)s", nginx_text(), re.S)[1])
    assert held_s > 2 * PushLimits().heartbeat_s


def nginx_text():
    return (PROXY / "nginx.conf").read_text()


@pytest.mark.skipif(CADDY is None, reason="caddy is not installed")
def test_caddy_takes_its_file(tmp_path):
    text = (PROXY / "Caddyfile").read_text()
    said = subprocess.run([CADDY, "version"], capture_output=True, text=True, check=True).stdout
    if re.match(r"v?2\.[0-6]\.", said):  # as the file says itself
        text = re.sub(r"request_buffers 4MiB #.*", "buffer_requests", text)
    file = tmp_path / "Caddyfile"
    file.write_text(text)
    home = {"HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    command = [CADDY, "validate", "--config", str(file), "--adapter", "caddyfile"]
    done = subprocess.run(command, capture_output=True, text=True, env=home)
    assert done.returncode == 0, done.stderr[-500:]


def test_both_files_name_the_ports_of_the_units():
    for file in ("nginx.conf", "Caddyfile"):
        assert {"127.0.0.1:8000", "127.0.0.1:8001"} <= set(
            re.findall(r"127\.0\.0\.1:\d+", (PROXY / file).read_text())
        )
