"""Encryption of the few things that must not lie readable in the database, such as a Slack response URL.

Fernet (AES-128-CBC with HMAC-SHA256) under a key derived from HEXA_SECRET_KEY by HKDF, so the same secret may serve
other purposes under other names.
"""

import base64

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from security.errors import SecurityError


class UnsealError(SecurityError):
    """A sealed value cannot be opened: HEXA_SECRET_KEY was changed, or the value was altered."""


class Seal:
    """*purpose* separates keys derived from one secret."""

    def __init__(self, secret: bytes, purpose: str) -> None:
        derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose.encode()).derive(secret)
        self._fernet = Fernet(base64.urlsafe_b64encode(derived))

    def close(self, text: str) -> str:
        return self._fernet.encrypt(text.encode()).decode()

    def open(self, sealed: str) -> str:
        try:
            return self._fernet.decrypt(sealed.encode()).decode()
        except InvalidToken as error:
            raise UnsealError from error
