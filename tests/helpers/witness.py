"""A witness of our own: it cosigns a checkpoint as c2sp.org/tlog-cosignature says."""

import base64
import struct

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from orders.evidence import signed_note


class Witness:
    """``key``: what others check it by, ``vkey``: the same as text."""

    def __init__(self, name="witness.example/w1", private=None):
        self.private = private or Ed25519PrivateKey.generate()
        self.is_classic = isinstance(self.private, Ed25519PrivateKey)
        kind = signed_note.WITNESS if self.is_classic else signed_note.WITNESS_ML_DSA
        self.key = signed_note.key(name, kind, self.private.public_key().public_bytes_raw())
        self.vkey = signed_note.vkey(self.key)

    def line(self, text, seconds):
        """Return the line that cosigns a checkpoint's text."""
        told = struct.pack(">Q", seconds)
        raw = self.key.id_ + told + self.private.sign(self._covered(text, seconds, told))
        return f"— {self.key.name} {base64.b64encode(raw).decode()}\n"

    def _covered(self, text, seconds, told):
        if self.is_classic:
            return f"cosignature/v1\ntime {seconds}\n{text}".encode()
        origin, count, root = text.split("\n")[:3]
        name = self.key.name.encode()
        data = b"subtree/v1\n\x00" + bytes([len(name)]) + name + told
        data += bytes([len(origin)]) + origin.encode() + struct.pack(">QQ", 0, int(count))
        return data + base64.b64decode(root)
