"""The command grammar: a line of text becomes a typed intent, or an answer why it is none.

It abstains rather than guesses. A word it does not know leads to "did you mean", a number out of bounds to a
sentence about the bounds; a change without a namespace is asked back, whatever was talked about before.
"""

import difflib
import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass, replace

from agents.chat.commands import BY_WORD, VERBS, Intent, Unclear, Verb
from controlplane.contract.models import MAX_LOG_LINES, MAX_REPLICAS

_FILLERS = frozenset({"please", "kindly", "hexa", "hey", "the", "me", "can", "could", "you", "would", "now", "just"})
_SHOW = frozenset({"get", "show", "list", "display", "see", "describe", "fetch", "tail", "print"})
_KINDS = frozenset({"deployment", "deploy", "deployment/", "app", "service", "pod", "container"})
_UNITS = frozenset({"replicas", "replica", "pods", "pod", "instances", "instance", "copies"})
_NUMBERS = {
    word: number
    for number, word in enumerate(
        ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
    )
}
_NAME = re.compile(r"^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$")
_INTEGER = re.compile(r"^[+-]?\d{1,12}$")
_VALUED = {"-n": "namespace", "--namespace": "namespace", "-c": "cluster", "--cluster": "cluster"}
_VALUED |= {"--lines": "lines", "--tail": "lines", "--container": "container", "--replicas": "replicas"}
_WORKSPACE = "--workspace"


@dataclass(frozen=True, slots=True)
class _Line:
    """A message split into words, with what was said about the place and the options taken out."""

    words: tuple[str, ...]
    namespace: str = ""
    cluster: str = ""
    options: tuple[tuple[str, str], ...] = ()
    previous: bool = False

    def option(self, name: str) -> str:
        return next((value for key, value in self.options if key == name), "")


class _UnclearError(Exception):
    def __init__(self, question: str, example: str = "", suggestions: tuple[str, ...] = ()) -> None:
        super().__init__(question)
        self.unclear = Unclear(question, example, suggestions)


def parse(text: str) -> Intent | Unclear:
    """The intent of one message, or why it is not clear."""
    try:
        line = _places(_options(_words(text)))
        if not line.words:
            return Intent("help")
        verb, rest = _verb(line)
        intent = _PARSERS[verb.name](replace(line, words=rest))
        return replace(intent, namespace=line.namespace, cluster=line.cluster, requires_action=verb.changes)
    except _UnclearError as problem:
        return problem.unclear


def _words(text: str) -> tuple[str, ...]:
    flat = " ".join(text.split())
    try:
        words = shlex.split(flat, posix=True)
    except ValueError:
        words = flat.split()
    return tuple(word for word in (word.rstrip(",;!?.") or word for word in words) if word)


def _options(words: tuple[str, ...]) -> _Line:
    rest: list[str] = []
    found: dict[str, str] = {}
    previous = False
    queue = list(words)
    while queue:
        word = queue.pop(0)
        name, _, value = word.partition("=")
        if word in {"-p", "--previous"}:
            previous = True
        elif name in _VALUED:
            if not value and not queue:
                raise _UnclearError(f"{name} needs a value.", f"{name} shop" if "n" in name else "")
            option, value = _VALUED[name], value or queue.pop(0)
            found[option] = _one(option, found.get(option, ""), value)
        elif name.startswith("--") and name != "--":
            close = difflib.get_close_matches(name, [*_VALUED, "--previous", _WORKSPACE], n=1)
            raise _UnclearError(f"I do not know the option {name}.", suggestions=tuple(close))
        else:
            rest.append(word)
    options = tuple((key, value) for key, value in found.items() if key not in {"namespace", "cluster"})
    namespace, cluster = found.get("namespace", "").lower(), found.get("cluster", "")
    return _Line(tuple(rest), namespace, cluster, options, previous)


def _places(line: _Line) -> _Line:
    """Take ``in shop``, ``namespace shop``, ``on cluster east`` out of the words."""
    rest: list[str] = []
    namespace, cluster = line.namespace, line.cluster
    words = list(line.words)
    while words:
        word = words.pop(0)
        lowered = word.lower()
        following = [one for one in words if one.lower() not in {"the", "namespace", "cluster"}]
        about = {one.lower() for one in words[:2]} & {"namespace", "cluster"}
        if lowered in {"in", "on", "from", "at"} and following and (lowered == "in" or about or len(following) == 1):
            kind = "cluster" if "cluster" in about or (lowered == "on" and "namespace" not in about) else "namespace"
            words, value = _consume_place(words)
            if kind == "namespace":
                namespace = _one(kind, namespace, value.lower())
            else:
                cluster = _one(kind, cluster, value)
        elif lowered in {"namespace", "ns"} and words:
            namespace = _one("namespace", namespace, words.pop(0).lower())
        else:
            rest.append(word)
    if namespace and not _NAME.match(namespace):
        raise _UnclearError(f"{namespace!r} is not a valid namespace name.", "pods in shop")
    return replace(line, words=tuple(rest), namespace=namespace, cluster=cluster)


def _one(what: str, before: str, value: str) -> str:
    """The one value of something that was said; saying two different ones is asked back, never decided."""
    if before and value and before.lower() != value.lower():
        raise _UnclearError(f"Which {what}: {before[:60]} or {value[:60]}?")
    return value or before


def _consume_place(words: list[str]) -> tuple[list[str], str]:
    """The words after a place, and the name of the place: ``the shop namespace`` or ``namespace shop``."""
    queue = [*words]
    while queue and queue[0].lower() in {"the", "namespace", "cluster"}:
        queue.pop(0)
    value = queue.pop(0) if queue else ""
    if queue and queue[0].lower() in {"namespace", "cluster"}:
        queue.pop(0)
    return queue, value


def _verb(line: _Line) -> tuple[Verb, tuple[str, ...]]:
    words = [word for word in line.words if word.lower() not in _FILLERS]
    if not words:
        return BY_WORD["help"], ()
    first = words[0].lower()
    if first in _SHOW and len(words) > 1:
        for index, word in enumerate(words[1:], start=1):
            if word.lower() in BY_WORD:
                return BY_WORD[word.lower()], tuple(words[1:index] + words[index + 1 :])
    if first in BY_WORD:
        return BY_WORD[first], tuple(words[1:])
    known = sorted(BY_WORD)
    close = difflib.get_close_matches(first, known, n=2, cutoff=0.6)
    raise _UnclearError(f"I do not know the command {words[0][:40]!r}.", suggestions=tuple(close))


def _named(line: _Line, usage: str) -> str:
    """The one name among the remaining words; empty when there is none."""
    words = [word for word in line.words if word.lower() not in _KINDS | {"of", "for", "about"}]
    words = [_bare(word) for word in words]
    if len(words) > 1:
        raise _UnclearError(f"I understood only part of this: {' '.join(words)[:80]!r}.", usage)
    if words and not _NAME.match(words[0]):
        raise _UnclearError(f"{words[0][:60]!r} is not a valid name in Kubernetes.", usage)
    return words[0] if words else ""


def _bare(word: str) -> str:
    """``deployment/web`` as ``web``; any other slash stays, and is no valid name."""
    kind, slash, name = word.lower().partition("/")
    return name if slash and kind in _KINDS | {"deployments", "pods", "po"} else word.lower()


def _help(line: _Line) -> Intent:
    topic = line.words[0].lower() if line.words else ""
    return Intent("help", {"topic": topic if topic in BY_WORD else ""})


def _alone(kind: str) -> Callable[[_Line], Intent]:
    return lambda _line: Intent(kind)


def _about_name(kind: str, usage: str, *, needed: bool = False) -> Callable[[_Line], Intent]:
    def parse_one(line: _Line) -> Intent:
        name = _named(line, usage)
        if needed and not name:
            raise _UnclearError("Of what?", usage)
        return Intent(kind, {"name": name} if name else {})

    return parse_one


def _logs(line: _Line) -> Intent:
    name = _named(line, "logs checkout in shop")
    if not name:
        raise _UnclearError("The logs of which pod or deployment?", "logs checkout in shop")
    lines = _whole(line.option("lines"), "lines") if line.option("lines") else 100
    if not 1 <= lines <= MAX_LOG_LINES:
        raise _UnclearError(f"I can show 1 to {MAX_LOG_LINES} lines.", "logs checkout in shop --lines 200")
    parameters = {"name": name, "lines": lines, "previous": line.previous, "container": line.option("container")}
    return Intent("logs", parameters)


def _scale(line: _Line) -> Intent:
    example = "scale web to 5 in shop"
    words = [word for word in line.words if word.lower() not in _KINDS | _UNITS | {"to", "up", "down", "=", "of"}]
    words = [part for word in words for part in (word.split("=") if word.count("=") == 1 else [word]) if part]
    numbers = [word for word in words if _is_number(word)]
    names = [_bare(word) for word in words if word not in numbers]
    if line.option("replicas"):
        numbers.append(line.option("replicas"))
    if len(names) == 0 and len(numbers) == 2:  # noqa: PLR2004 - a deployment may be called "123"
        names = [numbers.pop(0)]
    if not names:
        raise _UnclearError("Which deployment?", example)
    if len(names) > 1:
        raise _UnclearError(f"I understood only part of this: {' '.join(names)[:80]!r}.", example)
    if not _NAME.match(names[0]):
        raise _UnclearError(f"{names[0][:60]!r} is not a valid name in Kubernetes.", example)
    if len(numbers) != 1:
        raise _UnclearError("To how many replicas?" if not numbers else "Which of these numbers is it?", example)
    replicas = _whole(numbers[0], "replicas")
    if not 0 <= replicas <= MAX_REPLICAS:
        raise _UnclearError(
            f"Replicas must be a whole number from 0 to {MAX_REPLICAS}, not {numbers[0][:20]}.", example
        )
    if not line.namespace:
        raise _UnclearError(
            "In which namespace? I never guess it for a change.", f"scale {names[0]} to {replicas} in shop"
        )
    return Intent("scale_application", {"deployment_name": names[0], "replicas": replicas})


def _is_number(word: str) -> bool:
    return word.lower() in _NUMBERS or bool(re.match(r"^[+-]?[\d.,]+$", word))


def _whole(word: str, what: str) -> int:
    if word.lower() in _NUMBERS:
        return _NUMBERS[word.lower()]
    if not _INTEGER.match(word):
        raise _UnclearError(f"{word[:20]!r} is not a whole number of {what}.")
    return int(word)


_PARSERS: dict[str, Callable[[_Line], Intent]] = {
    "help": _help,
    "whoami": _alone("whoami"),
    "approvals": _alone("approvals"),
    "runs": _alone("runs"),
    "status": _about_name("status", "status web in shop"),
    "deployments": _about_name("deployments", "deployments in shop"),
    "pods": _about_name("pods", "pods in shop"),
    "events": _about_name("events", "events in shop"),
    "logs": _logs,
    "scale": _scale,
}

assert set(_PARSERS) == {verb.name for verb in VERBS}  # noqa: S101 - a verb without parser must not start
