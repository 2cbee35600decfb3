"""Secrets are removed from text and data before it reaches a model, Slack, the console, a log or the audit trail.

Every pattern runs on RE2, whose time is linear in the text, so no log line can stall the process; there is no
fallback to another engine. Redaction fails closed: when it cannot be done, the whole text is masked. It recognises
formats and places (token formats, keys of key blocks, ``password=``, the data of a Kubernetes Secret); it cannot
know a secret that looks like a word, so what should not be read is better not fetched.
"""

import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from security.errors import ConfigurationError

UNREADABLE = "[redacted:unreadable]"
SHORTEST_SECRET = 8  # "pwd=x" has five characters, but says nothing worth hiding to somebody who does not know it
DEEPEST = 64

_NAMES = (
    r"(?:password|passwd|passphrase|pwd|secret|token|api[_-]?key|apikey|access[_-]?key|account[_-]?key|secret[_-]?key"
    r"|private[_-]?key|signing[_-]?key|encryption[_-]?key|credentials?|connection[_-]?string|dsn)"
)
_KEY = r"[A-Za-z0-9_.-]{0,100}(?i:" + _NAMES + r")"
_VALUE = (
    r"(?:\\+\"(?:[^\"\\\r\n]|\\+[^\"\\\r\n])*(?:\\+\")?"  # \"quoted within JSON\", cut off or not
    r"|\"(?:[^\"\\\r\n]|\\.)*\"?|'(?:[^'\\\r\n]|\\.)*'?"
    r"|[|>][-+0-9]{0,2}[ \t]*\r?\n(?:[ \t]+[^\n]*(?:\n|\z))+"  # a YAML block
    r"|[^\s\"'&]+)"
)

# kind -> pattern; a group, if there is one, is what is masked. The order matters: the more specific comes first.
_FORMATS: tuple[tuple[str, str], ...] = (
    (
        "private-key",
        (
            r"(?s)-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----.*?"
            r"(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|\z)"
        ),
    ),
    ("slack-token", r"\b(?:xox[a-z](?:\.xox[a-z])?|xapp|xwfp)-[A-Za-z0-9-]{10,}"),
    ("slack-webhook", r"hooks\.slack(?:-gov)?\.com/(?:services|workflows|triggers)/([A-Za-z0-9/_-]{20,})"),
    ("aws-access-key", r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b"),
    ("github-token", r"\b(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{22,})"),
    ("gitlab-token", r"\bgl(?:pat|dt|rt|cbt|ptt|soat)-[A-Za-z0-9_-]{20,}"),
    ("jwt", r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+){0,2}"),
    ("google-api-key", r"\bAIza[A-Za-z0-9_-]{30,}"),
    ("google-token", r"\bya29\.[A-Za-z0-9_-]{20,}"),
    ("llm-api-key", r"\bsk-[A-Za-z0-9_-]{20,}"),
    ("payment-key", r"\b[rs]k_(?:live|test)_[A-Za-z0-9]{16,}"),
    ("vault-token", r"\bhv[sbr]\.[A-Za-z0-9_-]{20,}"),
    ("registry-token", r"\b(?:npm_[A-Za-z0-9]{36}|dckr_pat_[A-Za-z0-9_-]{20,})"),
    (
        "header",
        (
            r"(?i:\b(?:proxy-)?authorization|\b(?:set-)?cookie)\\*[\"']?[ \t]*[:=][ \t]*\\*[\"']?"
            r"([^\r\n\"'\\]+)"
        ),
    ),
    (
        "credentials",
        (
            r"(?i:\b(?:bearer|basic))[ \t]+"
            r"([A-Za-z0-9._~+/=-][a-z.-]*[A-Z0-9_~+/=][A-Za-z0-9._~+/=-]*)"
        ),
    ),
    ("url-password", r"\b[A-Za-z][A-Za-z0-9+.-]{0,30}://[^\s/:@\"'<>]{0,200}:([^\s/\"'<>]+)@"),
    ("secret", r"(?m:^)[ \t-]*" + _KEY + r"[ \t]*:[ \t]+([^\s\"'|>][^\r\n]*)"),
    (
        "secret",
        r"(?:--" + _KEY + r"[ \t]+([^\s-][^\s\"']*)"
        r"|\b" + _KEY + r"\\*[\"']?[ \t]*(?::|=>?|:=)[ \t]*(" + _VALUE + r"))",
    ),
)
_KIND_IS = r"(?i:\bkind)\\*[\"']?[ \t]*:[ \t]*\\*[\"']?Secret(?:List)?\b"
_DATA_JSON = (
    r"\\+\"(?:data|stringData)\\+\"\s*:((?:[^\"\\]|\\.)*)"
    r"|\"(?:data|stringData)\"\s*:\s*(\{(?:[^\"}]|\"(?:[^\"\\]|\\.)*\\?(?:\"|\z))*(?:\}|\z))"
)
_HARMLESS = frozenset({"", "true", "false", "null", "nil", "none", "<none>", "~", "<unset>", "{}", "[]", "{", "["})


def mark(kind: str) -> str:
    return f"[redacted:{kind}]"


_MASKED_DATA = mark("kubernetes-secret").encode()


def prepare() -> None:
    """Load and compile everything. Called at start: whoever cannot redact must not run."""
    _patterns()


def redact(text: str) -> str:
    """The text with every recognised secret replaced by ``[redacted:<kind>]``."""
    if len(text) < SHORTEST_SECRET:
        return text
    patterns = _patterns()
    try:
        return _redact(patterns, text)
    except patterns.failures:
        return UNREADABLE


def redact_plain(value: Any) -> Any:
    """Nested plain data with every string redacted, and masked wholly where its place says that it is a secret."""
    patterns = _patterns()
    try:
        return _plain(value, DEEPEST)
    except patterns.failures:
        return UNREADABLE


# --- text --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Patterns:
    any: Any  # one scan that finds nothing in most texts
    formats: tuple[tuple[str, Any], ...]
    name: Any
    secret_object: Any
    secret_json: Any
    failures: tuple[type[Exception], ...]


@functools.cache
def _patterns() -> _Patterns:
    try:
        import re2
    except ImportError as error:
        raise ConfigurationError(
            "Hexa does not start without google-re2, because it could not redact secrets. Run `make setup`."
        ) from error
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1  # bytes: no text is invalid, and non-ASCII needs no decoding

    def compiled(pattern: str) -> Any:
        return re2.compile(pattern.encode(), options)

    return _Patterns(
        any=compiled("|".join(f"(?:{one})" for one in (*(pattern for _, pattern in _FORMATS), _KIND_IS))),
        formats=tuple((kind, compiled(pattern)) for kind, pattern in _FORMATS),
        name=compiled(r"(?i:" + _NAMES + r")\z"),
        secret_object=compiled(_KIND_IS),
        secret_json=compiled(_DATA_JSON),
        failures=(re2.error, ValueError, TypeError, LookupError, AttributeError, RuntimeError, MemoryError),
    )


def _redact(patterns: _Patterns, text: str) -> str:
    raw = text.encode("utf-8", "surrogatepass")
    if patterns.any.search(raw) is None:
        return text
    if patterns.secret_object.search(raw) is not None:
        raw = _without_secret_data(patterns, raw)
    for kind, pattern in patterns.formats:
        raw = pattern.sub(functools.partial(_masked, kind), raw)
    return str(raw, "utf-8", "surrogatepass")


def _masked(kind: str, match: Any) -> bytes:
    """A match with its secret part replaced, or as it was when it is no secret after all."""
    whole: bytes = match.group()
    begin, end = _span(match)
    secret, quote, ending = _unquoted(whole[begin:end])
    if _is_mark(secret) or (kind in _DOUBTFUL and _DOUBTFUL[kind](match, whole[begin:end], secret)):
        return whole
    return whole[:begin] + quote + mark(kind).encode() + ending + whole[end:]


def _is_mark(secret: bytes) -> bool:
    return secret.startswith(b"[redacted:") and secret.find(b"]") == len(secret) - 1


def _unquoted(value: bytes) -> tuple[bytes, bytes, bytes]:
    """A value, the quote before it and what stands after it, so that JSON stays JSON and lines stay lines."""
    bare = value.lstrip(b"\\")
    if bare[:1] not in (b'"', b"'"):
        return value, b"", b"\n" if value.endswith(b"\n") else b""
    quote = value[: len(value) - len(bare) + 1]
    inner = value[len(quote) :]
    return (inner.removesuffix(quote), quote, quote if inner.endswith(quote) else b"")


def _span(match: Any) -> tuple[int, int]:
    """Where the secret lies within the match: the first group that took part, else all of it."""
    group = next((number for number, value in enumerate(match.groups(), 1) if value is not None), 0)
    begin, end = match.span(group)
    return begin - match.start(), end - match.start()


def _is_prose(match: Any, written: bytes, secret: bytes) -> bool:
    """``invalid token: expired`` in the middle of a line is a sentence; ``token: expired`` on its own is a value."""
    value = secret.decode("latin-1")
    if value.lower().rstrip(",;)}]") in _HARMLESS:
        return True
    start = match.start()
    before = match.string[max(0, start - 2) : start].decode("latin-1")
    in_sentence = before[:1].isalnum() and before[1:] == " "
    return in_sentence and b": " + written in match.group() and written == secret and value.rstrip(".,;:!").isalpha()


def _is_short(_: Any, __: bytes, secret: bytes) -> bool:
    return len(secret) < SHORTEST_SECRET


_DOUBTFUL: Mapping[str, Callable[[Any, bytes, bytes], bool]] = {"secret": _is_prose, "credentials": _is_short}


def _without_secret_data(patterns: _Patterns, raw: bytes) -> bytes:
    """A text that shows a Kubernetes Secret, without the values of ``data`` and ``stringData``."""
    raw = patterns.secret_json.sub(_masked_json, raw)
    return b"".join(_yaml_lines(raw.splitlines(keepends=True)))


def _masked_json(match: Any) -> bytes:
    whole: bytes = match.group()
    begin, end = _span(match)
    quote = b'"' if match.group(2) is not None else b""  # within an escaped string there is no place for one
    return whole[:begin] + quote + _MASKED_DATA + quote + whole[end:]


def _yaml_lines(lines: list[bytes]) -> Iterator[bytes]:
    """Below ``data:`` the keys stay, each with a mark; lines that continue a value go."""
    depth: int | None = None  # of the line "data:"
    keys: int | None = None  # of the keys below it
    for line in lines:
        stripped = line.lstrip(b" \t-")
        indent = len(line) - len(stripped)
        if depth is not None and (indent > depth or not stripped.strip()):
            keys = indent if keys is None else keys
            if indent <= keys and stripped.strip():
                yield line[:indent] + stripped.partition(b":")[0].strip()[:253] + b": " + _MASKED_DATA + _ending(line)
            continue
        depth = keys = None
        name, colon, rest = stripped.partition(b":")
        if colon and name.strip(b"\"'") in (b"data", b"stringData"):
            depth = indent
            yield line if _opens_block(rest) else line[:indent] + name + b": " + _MASKED_DATA + _ending(line)
        else:
            yield line


def _opens_block(rest: bytes) -> bool:
    value = rest.strip()
    return not value or value.startswith((b"#", b"{}")) or _MASKED_DATA in value


def _ending(line: bytes) -> bytes:
    return line[len(line.rstrip(b"\r\n")) :]


# --- data --------------------------------------------------------------------------------------------------------


def _plain(value: Any, depth: int) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if depth == 0:
        return UNREADABLE
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return _mapping(value, depth - 1)
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(one, depth - 1) for one in value]
    if isinstance(value, bytes | bytearray):
        return redact(bytes(value).decode("utf-8", "replace"))
    return redact(str(value))


def _mapping(value: Mapping[Any, Any], depth: int) -> dict[Any, Any]:
    is_secret = value.get("kind") in ("Secret", "SecretList")
    has_secret_name = isinstance(value.get("name"), str) and _names_secret(value["name"])
    found: dict[Any, Any] = {}
    for key, inner in value.items():
        name = redact(key) if isinstance(key, str) else key
        if is_secret and key in ("data", "stringData") and inner:
            found[name] = _all_masked(inner)
        elif isinstance(inner, str | bytes | int) and (_names_secret(key) or (has_secret_name and key == "value")):
            found[name] = _masked_value(inner)
        else:
            found[name] = _plain(inner, depth)
    return found


def _all_masked(inner: Any) -> Any:
    masked = mark("kubernetes-secret")
    return {redact(str(key)): masked for key in inner} if isinstance(inner, Mapping) else masked


def _masked_value(value: str | bytes | int) -> Any:
    if isinstance(value, bool) or (isinstance(value, str) and (value.lower() in _HARMLESS or "[redacted:" in value)):
        return value
    return mark("secret")


def _names_secret(key: Any) -> bool:
    return isinstance(key, str) and _patterns().name.search(key.encode("utf-8", "surrogatepass")) is not None
