"""Short-lived access tokens of the control plane: EdDSA (Ed25519) and nothing else.

A token says on whose behalf Hexa acts (``sub``), that Hexa does (``act``), in which workspace, and, for a step of
a run, which run, step and approved digest. It carries no permissions: those are looked up when it is used. Keys
rotate; a retired key keeps verifying until the last token it may have signed has expired. This is the only module
that knows the JWT library, and the clock is injected, so the library's own time checks are switched off and done
here.
"""

import json
import os
import secrets
import stat
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.algorithms import OKPAlgorithm

from security import errors

ALGORITHM = "EdDSA"
MAX_LIFETIME = 300
LEEWAY = 5
MAX_LENGTH = 4096
ACTOR = "hexa"
_REQUIRED = ("sub", "workspace", "act", "sid", "jti", "iat", "nbf", "exp", "iss", "aud")

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Claims:
    """What a verified token says; times are seconds since 1970."""

    sub: str
    workspace: str
    run: str
    step: str
    digest: str
    sid: str
    jti: str
    iat: int
    nbf: int
    exp: int
    iss: str
    aud: str
    act: Mapping[str, str] = field(default_factory=lambda: {"sub": ACTOR})


@dataclass(frozen=True, slots=True)
class _Key:
    kid: str
    private: Ed25519PrivateKey = field(repr=False)
    created: datetime
    retired: datetime | None = None

    def to_plain(self) -> dict[str, Any]:
        pem = self.private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        retired = self.retired.isoformat() if self.retired else None
        return {"kid": self.kid, "created": self.created.isoformat(), "retired": retired, "private": pem.decode()}


class KeyRing:
    """Keys by id: exactly one signs, those retired lately still verify. With a *path* every change is saved."""

    def __init__(self, keys: Iterable[_Key], *, clock: Clock, path: Path | None = None) -> None:
        self._keys = {key.kid: key for key in keys}
        self._clock = clock
        self._path = path
        self._seen = _stamp(path)
        active = [key for key in self._keys.values() if key.retired is None]
        if len(active) != 1:
            raise errors.ConfigurationError(f"A key ring needs exactly one signing key, this one has {len(active)}.")

    @classmethod
    def generate(cls, *, clock: Clock) -> "KeyRing":
        """A ring that lives only as long as the process."""
        return cls([_new_key(clock())], clock=clock)

    @classmethod
    def load(cls, path: Path, *, clock: Clock) -> "KeyRing":
        """The ring of a file; raises ConfigurationError when others may read it or it is not one."""
        return cls(_read(path), clock=clock, path=path)

    @classmethod
    def load_or_generate(cls, path: Path, *, clock: Clock) -> "KeyRing":
        """The ring of a file, made first when there is none; of two processes making it, one wins for both."""
        if not path.exists():
            _write(path, [_new_key(clock())], replacing=False)
        return cls.load(path, clock=clock)

    @property
    def signing(self) -> _Key:
        return next(key for key in self._keys.values() if key.retired is None)

    def rotate(self) -> str:
        """Sign with a new key from now on; forget those whose last token has expired. Returns the new key's id."""
        now = self._clock()
        kept = [replace(key, retired=key.retired or now) for key in self._keys.values() if self._verifies(key, now)]
        new = _new_key(now)
        if self._path is not None:
            _write(self._path, [*kept, new], replacing=True)
            self._seen = _stamp(self._path)
        self._keys = {key.kid: key for key in [*kept, new]}
        return new.kid

    def verifying(self, kid: str) -> Ed25519PrivateKey | None:
        if kid not in self._keys:
            self._reload()
        key = self._keys.get(kid)
        return key.private if key is not None and self._verifies(key, self._clock()) else None

    def jwks(self) -> dict[str, Any]:
        """The public keys that verify at this moment, as a JSON Web Key Set."""
        now = self._clock()
        public = [
            {**OKPAlgorithm.to_jwk(key.private.public_key(), as_dict=True), "kid": key.kid}
            for key in self._keys.values()
            if self._verifies(key, now)
        ]
        return {"keys": [{**one, "alg": ALGORITHM, "use": "sig"} for one in public]}

    def _reload(self) -> None:
        """Another process may have rotated: read the file again, if it is another one by now."""
        seen = _stamp(self._path)
        if self._path is None or seen == self._seen:
            return
        self._seen = seen
        self._keys = {key.kid: key for key in _read(self._path)}

    @staticmethod
    def _verifies(key: _Key, now: datetime) -> bool:
        return key.retired is None or now <= key.retired + timedelta(seconds=MAX_LIFETIME + LEEWAY)


@dataclass(frozen=True, slots=True)
class Tokens:
    """Mints and verifies tokens of one issuer for one audience."""

    keys: KeyRing
    issuer: str
    audience: str
    clock: Clock
    new_id: Callable[[], str] = lambda: secrets.token_urlsafe(16)

    def mint(
        self,
        *,
        subject: str,
        workspace: str,
        session: str,
        run: str = "",
        step: str = "",
        digest: str = "",
        lifetime: int = MAX_LIFETIME,
    ) -> str:
        if not 0 < lifetime <= MAX_LIFETIME:
            raise ValueError(f"a token lives at most {MAX_LIFETIME} seconds, not {lifetime}")
        now = int(self.clock().timestamp())
        key = self.keys.signing
        payload = {
            "sub": subject,
            "workspace": workspace,
            "act": {"sub": ACTOR},
            "run": run,
            "step": step,
            "digest": digest,
            "sid": session,
            "jti": self.new_id(),
            "iat": now,
            "nbf": now,
            "exp": now + lifetime,
            "iss": self.issuer,
            "aud": self.audience,
        }
        return jwt.encode(payload, key.private, algorithm=ALGORITHM, headers={"kid": key.kid})

    def verify(self, token: str) -> Claims:
        """The claims of a token that can be trusted; raises TokenExpiredError or TokenError."""
        if len(token) > MAX_LENGTH:
            raise errors.TokenError
        try:
            key = self._key_of(jwt.get_unverified_header(token))
            payload = jwt.decode(
                token,
                key.public_key(),
                algorithms=[ALGORITHM],
                issuer=self.issuer,
                audience=self.audience,
                options={
                    "require": list(_REQUIRED),
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                    "strict_aud": True,
                },
            )
        except (jwt.PyJWTError, ValueError) as error:
            raise errors.TokenError from error
        claims = _claims(payload)
        self._check_times(claims)
        return claims

    def _key_of(self, header: Mapping[str, Any]) -> Ed25519PrivateKey:
        if header.get("alg") != ALGORITHM or "crit" in header:
            raise errors.TokenError
        key = self.keys.verifying(str(header.get("kid", "")))
        if key is None:
            raise errors.TokenError
        return key

    def _check_times(self, claims: Claims) -> None:
        now = self.clock().timestamp()
        if claims.exp - claims.iat > MAX_LIFETIME or claims.nbf > now + LEEWAY or claims.iat > now + LEEWAY:
            raise errors.TokenError
        if now >= claims.exp + LEEWAY:
            raise errors.TokenExpiredError


def _claims(payload: Mapping[str, Any]) -> Claims:
    times = {name: payload[name] for name in ("iat", "nbf", "exp")}
    texts = {name: payload.get(name, "") for name in ("sub", "workspace", "run", "step", "digest", "sid", "jti")}
    good = all(type(value) is int for value in times.values()) and all(type(one) is str for one in texts.values())
    if not good or not texts["sub"] or not texts["workspace"] or payload["act"] != {"sub": ACTOR}:
        raise errors.TokenError
    return Claims(**texts, **times, iss=payload["iss"], aud=payload["aud"])


def _stamp(path: Path | None) -> tuple[int, int]:
    """What tells one version of a file from the next; nothing for no file."""
    try:
        state = path.stat() if path else None
    except OSError:
        return (0, 0)
    return (state.st_ino, state.st_mtime_ns) if state else (0, 0)


def _new_key(now: datetime) -> _Key:
    return _Key(secrets.token_hex(8), Ed25519PrivateKey.generate(), now.astimezone(UTC))


def _read(path: Path) -> list[_Key]:
    try:
        if stat.S_IMODE(path.stat().st_mode) & stat.S_IRWXO:
            raise errors.ConfigurationError(f"Everybody can read the signing keys: chmod 600 {path}")
        return [_parsed(one) for one in json.loads(path.read_bytes())["keys"]]
    except OSError as error:
        raise errors.ConfigurationError(f"The signing keys cannot be read: {error}") from error
    except (ValueError, KeyError, TypeError, UnsupportedAlgorithm) as error:
        raise errors.ConfigurationError(f"{path} does not hold signing keys.") from error


def _parsed(plain: Mapping[str, Any]) -> _Key:
    private = serialization.load_pem_private_key(plain["private"].encode(), password=None)
    if not isinstance(private, Ed25519PrivateKey):
        raise TypeError("not an Ed25519 key")
    retired = datetime.fromisoformat(plain["retired"]) if plain.get("retired") else None
    return _Key(str(plain["kid"]), private, datetime.fromisoformat(plain["created"]), retired)


def _write(path: Path, keys: Iterable[_Key], *, replacing: bool) -> None:
    """Write the whole file beside its place, durably, then put it there in one step."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    beside = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            json.dump({"keys": [key.to_plain() for key in keys]}, file)
            file.flush()
            os.fsync(file.fileno())
        if replacing:
            beside.replace(path)
        else:
            with suppress(FileExistsError):
                os.link(beside, path)
    finally:
        beside.unlink(missing_ok=True)
