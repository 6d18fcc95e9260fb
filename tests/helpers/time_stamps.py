"""A time stamping authority of our own, made with openssl, on loopback."""

import subprocess
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

CONFIG = """
[tsa]
default_tsa = authority
[authority]
serial = serial
signer_cert = tsa.pem
signer_key = tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha512
ess_cert_id_alg = sha256
"""
USES = "extendedKeyUsage=critical,timeStamping\nkeyUsage=critical,digitalSignature\n"
NEW = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
ISSUER = "-CA ca.pem -CAkey ca.key -CAcreateserial -extfile uses"


class Authority:
    """Keys and certificates in a folder; ``chain``: the file of both certificates."""

    def __init__(self, folder, name="Our own authority"):
        self.folder, self.chain = folder, folder / "chain.pem"
        folder.mkdir(parents=True)
        (folder / "tsa.cnf").write_text(CONFIG)
        (folder / "uses").write_text(USES)
        (folder / "serial").write_text("01")
        self.openssl("req -x509", NEW, "-keyout ca.key -out ca.pem -subj", f"/CN={name} root")
        self.openssl("req", NEW, "-keyout tsa.key -out tsa.csr -subj", f"/CN={name}")
        self.openssl("x509 -req -in tsa.csr -out tsa.pem", ISSUER)
        self.chain.write_text((folder / "ca.pem").read_text() + (folder / "tsa.pem").read_text())

    def openssl(self, *words):
        split = [part for word in words for part in ([word] if word[:1] == "/" else word.split())]
        subprocess.run(["openssl", *split], cwd=self.folder, capture_output=True, check=True)

    def answer(self, query):
        (self.folder / "query").write_bytes(query)
        self.openssl("ts -reply -config tsa.cnf -queryfile query -out reply")
        return (self.folder / "reply").read_bytes()


@contextmanager
def running(authority):
    """Serve it for as long as the block lasts. ``status`` and ``spoil`` change its answers."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            query = self.rfile.read(int(self.headers["Content-Length"]))
            self.server.asked.append(query)
            body = self.server.spoil(authority.answer(query))
            self.send_response(self.server.status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            """Tests are quiet."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.status, server.asked, server.spoil = 200, [], bytes
    server.url = f"http://127.0.0.1:{server.server_port}/stamp?key=planted"
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
