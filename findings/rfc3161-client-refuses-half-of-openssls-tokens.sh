#!/usr/bin/env bash
# rfc3161-client 1.0.9 (and the openssl command, 3.0 here): tokens of two time stamping authorities
# of OpenSSL's own making, which differ in the length of their names; certificates are asked for,
# and `openssl ts -verify` finds both tokens good.
# Guess: both are decoded.
# Seen: one. With the longer name the token is refused as InvalidSetOrdering. OpenSSL writes the
# authority's certificate before its issuer's, the strict reader wants the set in the order of DER,
# which is that of length. Whether a proof can be read hangs on how long a name is.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip -qq --disable-pip-version-check install --no-compile rfc3161-client==1.0.9 2>/dev/null
"$folder/venv/bin/python" - <<'PYTHON'
import pathlib
import subprocess
import tempfile
from importlib.metadata import version

from rfc3161_client import TimestampRequestBuilder, decode_timestamp_response

CONFIG = """
[tsa]
default_tsa = authority
[authority]
serial = serial
signer_cert = tsa.pem
signer_key = tsa.key
certs = ca.pem
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha512
ess_cert_id_alg = sha256
"""
USES = "extendedKeyUsage=critical,timeStamping\nkeyUsage=critical,digitalSignature\n"
NEW = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
ISSUE = "x509 -req -in tsa.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out tsa.pem -extfile uses"


def token(name):
    """Whether openssl finds a token of an authority of that name good, and how it is decoded."""
    with tempfile.TemporaryDirectory() as folder:
        here = pathlib.Path(folder)

        def openssl(arguments):
            words = ["openssl", *arguments.split()]
            done = subprocess.run(words, cwd=here, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
            return done.stdout

        (here / "tsa.cnf").write_text(CONFIG)
        (here / "uses").write_text(USES)
        (here / "serial").write_text("01")
        openssl(f"req -x509 {NEW} -keyout ca.key -out ca.pem -subj /CN={60 * 'I'}")
        openssl(f"req {NEW} -keyout tsa.key -out tsa.csr -subj /CN={name}")
        openssl(ISSUE)
        builder = TimestampRequestBuilder().data(b"head of a chain").cert_request(cert_request=True)
        (here / "query").write_bytes(builder.build().as_bytes())
        openssl("ts -reply -config tsa.cnf -queryfile query -out reply")
        told = openssl("ts -verify -queryfile query -in reply -CAfile ca.pem -untrusted tsa.pem")
        try:
            decode_timestamp_response((here / "reply").read_bytes())
            return told.strip(), "decoded"
        except ValueError as error:
            return told.strip(), "InvalidSetOrdering" if "InvalidSetOrdering" in str(error) else str(error)


print("rfc3161-client", version("rfc3161-client"), subprocess.check_output(["openssl", "version"], text=True).strip())
seen = [token("T"), token("T" * 60)]
print("short name:", seen[0], " long name:", seen[1])
assert seen == [("Verification: OK", "decoded"), ("Verification: OK", "InvalidSetOrdering")], seen
PYTHON
