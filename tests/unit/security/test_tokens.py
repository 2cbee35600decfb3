"""Access tokens: EdDSA only, short, for one issuer and audience, under keys that rotate."""

import base64
import json
import stat
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from security import errors
from security.tokens import LEEWAY, MAX_LENGTH, MAX_LIFETIME, KeyRing, Tokens
from tests.conftest import FixedClock


@pytest.fixture
def ring(clock: FixedClock) -> KeyRing:
    return KeyRing.generate(clock=clock)


@pytest.fixture
def tokens(ring: KeyRing, clock: FixedClock) -> Tokens:
    return Tokens(ring, "hexa", "controlplane", clock)


def payload(clock: FixedClock, **changes: Any) -> dict[str, Any]:
    now = int(clock().timestamp())
    good: dict[str, Any] = {
        "sub": "alice", "workspace": "w1", "act": {"sub": "hexa"}, "sid": "s1", "jti": "j1",
        "iat": now, "nbf": now, "exp": now + 300, "iss": "hexa", "aud": "controlplane",
    }  # fmt: skip
    return {key: value for key, value in {**good, **changes}.items() if value is not None}


def signed(ring: KeyRing, claims: dict[str, Any], **headers: Any) -> str:
    headers = {"kid": ring.signing.kid, **headers}
    return jwt.encode(claims, ring.signing.private, algorithm="EdDSA", headers=headers)


def test_a_minted_token_says_who_for_whom_and_what_for(tokens: Tokens, clock: FixedClock) -> None:
    """Every claim comes back as it was given."""
    token = tokens.mint(subject="alice", workspace="w1", session="s1", run="r1", step="scale", digest="sha256:d")

    claims = tokens.verify(token)

    assert (claims.sub, claims.workspace, claims.sid) == ("alice", "w1", "s1")
    assert (claims.run, claims.step, claims.digest) == ("r1", "scale", "sha256:d")
    assert (claims.act, claims.iss, claims.aud) == ({"sub": "hexa"}, "hexa", "controlplane")
    assert (claims.iat, claims.exp - claims.iat) == (int(clock().timestamp()), MAX_LIFETIME)


def test_two_tokens_are_never_the_same(tokens: Tokens) -> None:
    """Each has an id of its own."""
    one, two = (tokens.mint(subject="alice", workspace="w1", session="s1") for _ in range(2))

    assert tokens.verify(one).jti != tokens.verify(two).jti


def test_no_token_lives_longer_than_five_minutes(tokens: Tokens) -> None:
    """Asking for more is a mistake of the program."""
    with pytest.raises(ValueError, match="at most 300"):
        tokens.mint(subject="alice", workspace="w1", session="s1", lifetime=301)


def test_a_token_expires(tokens: Tokens, clock: FixedClock) -> None:
    """Up to the leeway it is good, then it is told apart from a forged one."""
    token = tokens.mint(subject="alice", workspace="w1", session="s1")

    clock.advance(MAX_LIFETIME + LEEWAY - 1)
    tokens.verify(token)
    clock.advance(1)
    with pytest.raises(errors.TokenExpiredError):
        tokens.verify(token)


def test_the_payload_used_by_the_refusals_below_is_otherwise_good(
    ring: KeyRing, tokens: Tokens, clock: FixedClock
) -> None:
    """So each refusal is for the one thing that was changed."""
    assert tokens.verify(signed(ring, payload(clock))).sub == "alice"


@pytest.mark.parametrize("name", ["sub", "workspace", "act", "sid", "jti", "iat", "nbf", "exp", "iss", "aud"])
def test_every_claim_is_required(ring: KeyRing, tokens: Tokens, clock: FixedClock, name: str) -> None:
    """A token without one of them is no token."""
    with pytest.raises(errors.TokenError):
        tokens.verify(signed(ring, payload(clock, **{name: None})))


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "somebody"},
        {"aud": "console"},
        {"aud": ["controlplane", "console"]},
        {"act": {"sub": "mallory"}},
        {"sub": ""},
        {"sub": 7},
        {"workspace": ""},
        {"digest": 7},
        {"exp": 10**12},
        {"exp": "later"},
        {"iat": True},
    ],
)
def test_a_claim_that_says_something_else_is_refused(
    ring: KeyRing, tokens: Tokens, clock: FixedClock, changes: dict[str, Any]
) -> None:
    """Issuer, audience, actor, types and the length of life."""
    with pytest.raises(errors.TokenError):
        tokens.verify(signed(ring, payload(clock, **changes)))


@pytest.mark.parametrize("name", ["nbf", "iat"])
def test_a_token_from_the_future_is_refused(ring: KeyRing, tokens: Tokens, clock: FixedClock, name: str) -> None:
    """Beyond the leeway."""
    now = int(clock().timestamp())

    tokens.verify(signed(ring, payload(clock, **{name: now + LEEWAY})))
    with pytest.raises(errors.TokenError):
        tokens.verify(signed(ring, payload(clock, **{name: now + LEEWAY + 1})))


def test_no_signature_is_no_token(ring: KeyRing, tokens: Tokens, clock: FixedClock) -> None:
    """alg none, with and without something in the place of the signature."""
    parts = [{"alg": "none", "typ": "JWT", "kid": ring.signing.kid}, payload(clock)]
    encoded = ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)

    for token in (f"{encoded}.", f"{encoded}.AAAA"):
        with pytest.raises(errors.TokenError):
            tokens.verify(token)


def test_another_algorithm_is_refused_even_with_a_good_signature(
    ring: KeyRing, tokens: Tokens, clock: FixedClock
) -> None:
    """The public key as an HMAC secret is the classic; RSA is the other."""
    headers = {"kid": ring.signing.kid}
    public = base64.urlsafe_b64decode(ring.jwks()["keys"][0]["x"] + "==")
    rsa_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    for key, algorithm in ((public, "HS256"), (rsa_key, "RS256")):
        with pytest.raises(errors.TokenError):
            tokens.verify(jwt.encode(payload(clock), key, algorithm=algorithm, headers=headers))


def test_an_unknown_key_is_refused(ring: KeyRing, tokens: Tokens, clock: FixedClock) -> None:
    """By id, and by signature under an id of ours."""
    with pytest.raises(errors.TokenError):
        tokens.verify(signed(ring, payload(clock), kid="other"))
    forged = jwt.encode(
        payload(clock), Ed25519PrivateKey.generate(), algorithm="EdDSA", headers={"kid": ring.signing.kid}
    )
    with pytest.raises(errors.TokenError):
        tokens.verify(forged)


@pytest.mark.parametrize("token", ["", "a", "a.b.c", "..", "\u00fc.\u00fc.\u00fc", "\udcff.a.b", "e30.e30.e30"])
def test_what_is_no_token_is_refused(tokens: Tokens, token: str) -> None:
    """With one kind of error, whatever it is."""
    with pytest.raises(errors.TokenError):
        tokens.verify(token)


def test_a_token_is_not_read_when_it_is_too_long(ring: KeyRing, tokens: Tokens, clock: FixedClock) -> None:
    """However good its signature is."""
    token = signed(ring, payload(clock, sid="x" * MAX_LENGTH))

    assert len(token) > MAX_LENGTH
    with pytest.raises(errors.TokenError):
        tokens.verify(token)


def test_a_critical_extension_is_refused(ring: KeyRing, tokens: Tokens, clock: FixedClock) -> None:
    """Nobody here understands any."""
    with pytest.raises(errors.TokenError):
        tokens.verify(signed(ring, payload(clock), crit=["b64"]))


def test_keys_are_made_once_and_only_the_owner_reads_them(data_dir: Path, clock: FixedClock) -> None:
    """The second start finds the first one's key; no half-written file stays behind."""
    path = data_dir / "keys" / "signing.json"
    token = Tokens(KeyRing.load_or_generate(path, clock=clock), "hexa", "cp", clock).mint(
        subject="alice", workspace="w1", session="s1"
    )

    again = Tokens(KeyRing.load_or_generate(path, clock=clock), "hexa", "cp", clock)

    assert again.verify(token).sub == "alice"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_keys_everybody_can_read_are_refused(data_dir: Path, clock: FixedClock) -> None:
    """With the command that heals it."""
    path = data_dir / "signing.json"
    KeyRing.load_or_generate(path, clock=clock)
    path.chmod(0o644)

    with pytest.raises(errors.ConfigurationError, match="chmod 600"):
        KeyRing.load_or_generate(path, clock=clock)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"keys": []}', '{"keys": [{"kid": "a"}]}'])
def test_a_file_without_keys_is_refused_not_replaced(data_dir: Path, clock: FixedClock, content: str) -> None:
    """Making new keys over something unreadable would hide what happened to it."""
    path = data_dir / "signing.json"
    path.write_text(content)
    path.chmod(0o600)

    with pytest.raises(errors.ConfigurationError):
        KeyRing.load_or_generate(path, clock=clock)
    assert path.read_text() == content


def test_a_retired_key_verifies_as_long_as_its_last_token_may_live(data_dir: Path, clock: FixedClock) -> None:
    """And not longer; the new one signs at once, on disk too."""
    path = data_dir / "signing.json"
    ring = KeyRing.load_or_generate(path, clock=clock)
    tokens = Tokens(ring, "hexa", "cp", clock)
    first = ring.signing.kid
    old = tokens.mint(subject="alice", workspace="w1", session="s1")

    second = ring.rotate()

    assert ring.signing.kid == second != first
    assert jwt.get_unverified_header(tokens.mint(subject="a", workspace="w", session="s"))["kid"] == second
    assert Tokens(KeyRing.load(path, clock=clock), "hexa", "cp", clock).verify(old).sub == "alice"
    assert {key["kid"] for key in ring.jwks()["keys"]} == {first, second}
    clock.advance(MAX_LIFETIME + LEEWAY + 1)
    assert [key["kid"] for key in ring.jwks()["keys"]] == [second]
    assert ring.verifying(first) is None


def test_a_key_of_another_process_is_found_in_the_file(data_dir: Path, clock: FixedClock) -> None:
    """Two control planes share the file; one rotates, the other meets the new key in a token."""
    path = data_dir / "signing.json"
    mine, theirs = (KeyRing.load_or_generate(path, clock=clock) for _ in range(2))
    theirs.rotate()
    token = Tokens(theirs, "hexa", "cp", clock).mint(subject="alice", workspace="w1", session="s1")

    assert Tokens(mine, "hexa", "cp", clock).verify(token).sub == "alice"
    assert mine.signing.kid == theirs.signing.kid


def test_forgotten_keys_leave_the_file_with_the_next_rotation(data_dir: Path, clock: FixedClock) -> None:
    """A ring does not grow for ever."""
    path = data_dir / "signing.json"
    ring = KeyRing.load_or_generate(path, clock=clock)
    for _ in range(3):
        clock.advance(MAX_LIFETIME + LEEWAY + 1)
        ring.rotate()

    assert len(json.loads(path.read_text())["keys"]) == 2


def test_the_key_set_holds_nothing_private(ring: KeyRing) -> None:
    """The d of a private key is not there."""
    (key,) = ring.jwks()["keys"]

    assert set(key) == {"kty", "crv", "x", "kid", "alg", "use"}
    assert "PRIVATE" not in repr(ring.signing)
