import builtins
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from security import redaction
from security.errors import ConfigurationError
from security.redaction import UNREADABLE, redact, redact_plain

B64 = "aHVudGVyMg=="
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"

TOKENS = {
    "slack-token": ["xoxb-1234567890-abcdefghij", "xapp-1-A012345-6789-abcdef", "xoxe.xoxp-1-abcdefghijklmn"],
    "aws-access-key": ["AKIA" + "ABCDEFGH12345678", "ASIA" + "ABCDEFGH12345678"],
    "github-token": ["ghp_" + LETTERS[:36], "github_pat_" + LETTERS[:40]],
    "gitlab-token": ["glpat-" + LETTERS[:20]],
    "jwt": ["eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl"],
    "google-api-key": ["AIza" + LETTERS[:35]],
    "google-token": ["ya29." + LETTERS[:30]],
    "llm-api-key": ["sk-" + LETTERS[:40], "sk-ant-api03-" + LETTERS[:40], "sk-proj-" + LETTERS[:40]],
    "payment-key": ["sk_live_" + LETTERS[:24]],
    "vault-token": ["hvs." + LETTERS[:24]],
    "private-key": ["-----BEGIN RSA PRIVATE KEY-----\nMIIB\n-----END RSA PRIVATE KEY-----",
                    "-----BEGIN PRIVATE KEY-----\\nMIIB\\n-----END PRIVATE KEY-----"],
}  # fmt: skip


@pytest.mark.parametrize(("kind", "token"), [(kind, token) for kind, all_ in TOKENS.items() for token in all_])
@pytest.mark.parametrize("around", ["{}", "pod web-1 said {} and died", "[{}]", "<{}>", "\u00e9 {} \U0001f600"])
def test_a_token_is_recognised_by_its_format(kind, token, around):
    """Wherever it stands, it is replaced by a mark that names its kind."""
    assert redact(around.format(token)) == around.format(f"[redacted:{kind}]")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("password=hunter2&x=1", "password=[redacted:secret]&x=1"),
        ("DB_PASSWORD=s3cr3t!,x next", "DB_PASSWORD=[redacted:secret] next"),
        ("password: hunter2", "password: [redacted:secret]"),
        ("Password: correct horse battery", "Password: [redacted:secret]"),
        ('{"password":"a b\\"c","x":1}', '{"password":"[redacted:secret]","x":1}'),
        ('{\\"password\\": \\"hunter2\\"}', '{\\"password\\": \\"[redacted:secret]\\"}'),
        ("token: 'a b'", "token: '[redacted:secret]'"),
        ("--password hunter2 --token=abc", "--password [redacted:secret] --token=[redacted:secret]"),
        ("aws_secret_access_key = abc/def+ghi", "aws_secret_access_key = [redacted:secret]"),
        ("X-Api-Key: abcdef", "X-Api-Key: [redacted:secret]"),
        ("password: |\n  one\n  two\nother: 1", "password: [redacted:secret]\nother: 1"),
        ("connection_string=Server=db;Pwd=x", "connection_string=[redacted:secret]"),
        ("Authorization: Bearer abc.def", "Authorization: [redacted:header]"),
        ('-H "Authorization: Basic dXNlcjpwYXNz" url', '-H "Authorization: [redacted:header]" url'),
        ("Cookie: session=abc; theme=dark", "Cookie: [redacted:header]"),
        ("sent Basic dXNlcjpwYXNz to it", "sent Basic [redacted:credentials] to it"),
        ("postgres://u:p@ss@host/db", "postgres://u:[redacted:url-password]@host/db"),
        (
            "https://hooks.slack.com/services/T0123456/B0123456/abcdefgh",
            "https://hooks.slack.com/services/[redacted:slack-webhook]",
        ),
        ('password="cut off here', 'password="[redacted:secret]'),
    ],
)
def test_a_secret_is_recognised_by_its_place(text, expected):
    """Keys, headers and URLs say that what follows is a secret; what surrounds it stays readable."""
    assert redact(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "Scaled web in shop from 3 to 5",
        'error: secret "web-tls" not found',
        "secretName: web-tls",
        "automountServiceAccountToken: false",
        "max_tokens=100 tokens: 12",
        "invalid token: expired",
        "basic authentication failed, bearer of bad news",
        "http://web.shop:8080/foo?mail=a@b.example",
        "disk-usage-of-the-volume-is-at-ninety-percent",
        "commit 3f2a9c7d8e1b4a5f6c7d8e9f0a1b2c3d4e5f6a7b",
        "sha256:0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f9",
        "password: <unset>",
        "token=",
        "",
    ],
)
def test_ordinary_text_stays_as_it_is(text):
    """A diagnosis needs names, digests and messages."""
    assert redact(text) == text


SECRET_YAML = f"""apiVersion: v1
kind: Secret
data:
  user: {B64}
  note: |
    {B64}
    {B64}
stringData:
  plain: hunter2
metadata:
  name: db
"""


@pytest.mark.parametrize(
    "text",
    [
        SECRET_YAML,
        SECRET_YAML.replace("\n", "\r\n"),
        f"items:\n- apiVersion: v1\n  data:\n    user: {B64}\n    pass: hunter2\n  kind: Secret\n",
        f"kind: Secret\ndata: {{user: {B64}, pass: hunter2}}\n",
        json.dumps({"kind": "Secret", "data": {"user": B64}, "stringData": {"a": 'hunter2 } "x" hunter2'}}),
        json.dumps({"kind": "Secret", "data": {"user": B64}}, indent=2),
        json.dumps(
            {"annotation": json.dumps({"data": {"user": B64}, "kind": "Secret", "stringData": {"a": "hunter2}"}})}
        ),
        json.dumps({"kind": "Secret", "data": {"user": B64}})[:-6],
        "kind: Secret\n" + json.dumps(json.dumps({"kind": "Secret", "data": {"a": "hunter2"}})),
    ],
)
def test_the_data_of_a_kubernetes_secret_never_shows(text):
    """YAML, flow style, JSON, JSON within an annotation, cut off: the values go, the keys may stay."""
    clean = redact(text)

    assert "[redacted:kubernetes-secret]" in clean
    assert B64[:-3] not in clean
    assert "hunter2" not in clean


def test_what_is_no_secret_object_keeps_its_data():
    """A ConfigMap is read for diagnosis."""
    text = "kind: ConfigMap\ndata:\n  level: debug\n"

    assert redact(text) == text


def test_the_rest_of_a_secret_object_stays_readable():
    """Its name and keys are what a diagnosis needs."""
    clean = redact(SECRET_YAML)

    assert "name: db" in clean
    assert "  user: [redacted:kubernetes-secret]\n" in clean


def test_nested_data_is_masked_by_structure():
    """Keys of a mapping say more than any pattern."""
    value = {
        "kind": "Secret",
        "data": {"user": B64},
        "env": [{"name": "DB_PASSWORD", "value": "x"}, {"name": "LEVEL", "value": "debug"}],
        "api_key": "abc",
        "pin_token": 1234,
        "tokens_used": 12,
        "note": ("password=hunter2", None, 1.5, True),
    }

    assert redact_plain(value) == {
        "kind": "Secret",
        "data": {"user": "[redacted:kubernetes-secret]"},
        "env": [{"name": "DB_PASSWORD", "value": "[redacted:secret]"}, {"name": "LEVEL", "value": "debug"}],
        "api_key": "[redacted:secret]",
        "pin_token": "[redacted:secret]",
        "tokens_used": 12,
        "note": ["password=[redacted:secret]", None, 1.5, True],
    }


def test_secrets_in_keys_are_masked_too():
    """A mapping can carry a token as its key."""
    assert redact_plain({TOKENS["slack-token"][0]: 1}) == {"[redacted:slack-token]": 1}


def test_data_without_end_is_masked_instead_of_followed():
    """Whatever the shape of the data, it does not take the process down."""
    endless = {"note": "fine"}
    endless["self"] = endless

    assert "[redacted:unreadable]" in str(redact_plain(endless))


class Broken:
    def __str__(self):
        raise ValueError("no text for you")


def test_when_redaction_fails_everything_is_masked(monkeypatch):
    """Fail closed: never the original."""
    monkeypatch.setattr(redaction, "_redact", lambda *_: (_ for _ in ()).throw(RuntimeError("broken")))

    assert redact("password=hunter2") == UNREADABLE
    assert redact_plain({"a": Broken()}) == UNREADABLE


def test_without_re2_hexa_refuses_to_start(monkeypatch):
    """There is no fallback to an engine that a log line could stall."""
    original = builtins.__import__

    def without_re2(name, *args, **kwargs):
        if name == "re2":
            raise ImportError("no such module")
        return original(name, *args, **kwargs)

    redaction._patterns.cache_clear()
    monkeypatch.setattr(builtins, "__import__", without_re2)
    try:
        with pytest.raises(ConfigurationError, match="make setup"):
            redaction.prepare()
        with pytest.raises(ConfigurationError):
            redact("password=hunter2")
    finally:
        redaction._patterns.cache_clear()


@given(st.text())
def test_any_text_can_be_redacted(text):
    """Lone surrogates and control characters included; what is clean comes back unchanged or marked."""
    clean = redact(text)

    assert clean == text or "[redacted:" in clean
    assert redact(clean) is not None


@given(st.text(alphabet=LETTERS, min_size=8, max_size=60), st.sampled_from(["", " ", "\n", '"', "\u00e9"]))
def test_a_password_never_survives_its_assignment(password, before):
    """Whatever the password looks like."""
    if password.lower() in {"true", "false", "null", "none"}:
        return
    assert password not in redact(f'{before}db_password="{password}"')


def test_the_time_is_linear_in_the_text():
    """Texts made to stall a backtracking engine take no longer than others of their length."""
    import time

    def seconds(text):
        began = time.perf_counter()
        redact(text)
        return time.perf_counter() - began

    for hostile in ("a." * 50_000 + "=", "://" * 30_000, "token" * 20_000, "-----BEGIN " * 10_000, '"\\' * 50_000):
        assert seconds("password=x " + hostile) < 2
