"""A passkey, as a security key would answer: real keys, real signatures (WebAuthn level 2)."""

import base64
import hashlib
import json
import secrets
from urllib.parse import urlsplit

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

USER_VERIFIED = 0x05
NEW_KEY = 0x45


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Passkey:
    """:param str site: the address that the browser shows, as in ``web.base.url``"""

    def __init__(self, site):
        self.site = site
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.credential_id = secrets.token_bytes(32)
        self.count = 0

    def register(self, options):
        """Answer ``options``, which a server sent to make a new passkey."""
        data = self._authenticator_data(NEW_KEY)
        data += bytes(16) + len(self.credential_id).to_bytes(2) + self.credential_id
        data += self.public_key()
        attestation = b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x58"
        attestation += bytes([len(data)]) + data
        client_data = self._client_data("webauthn.create", options["challenge"])
        return self._answer(attestationObject=attestation, clientDataJSON=client_data)

    def authenticate(self, options):
        """Answer ``options``, which a server sent to ask who it is; return JSON."""
        self.count += 1
        data = self._authenticator_data(USER_VERIFIED)
        client_data = self._client_data("webauthn.get", options["challenge"])
        signed = data + hashlib.sha256(client_data).digest()
        signature = self.key.sign(signed, ec.ECDSA(hashes.SHA256()))
        return json.dumps(
            self._answer(authenticatorData=data, clientDataJSON=client_data, signature=signature)
        )

    def public_key(self):
        """Return the public key in COSE (RFC 9052), which is CBOR."""
        numbers = self.key.public_key().public_numbers()
        x, y = (number.to_bytes(32) for number in (numbers.x, numbers.y))
        return b"\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20" + x + b"\x22\x58\x20" + y

    def _authenticator_data(self, flags):
        host = hashlib.sha256(urlsplit(self.site).hostname.encode()).digest()
        return host + bytes([flags]) + self.count.to_bytes(4)

    def _client_data(self, kind, challenge):
        return json.dumps({"type": kind, "challenge": challenge, "origin": self.site}).encode()

    def _answer(self, **response):
        return {
            "id": b64(self.credential_id),
            "rawId": b64(self.credential_id),
            "response": {name: b64(value) for name, value in response.items()},
            "type": "public-key",
            "clientExtensionResults": {},
        }
