"""hexa.yaml becomes a Configuration, or a list of everything that is wrong with it.

Each problem names file, line and key path, the cause and what to do. A missing file is a problem too, except for the
demo, which brings its own (hexa/demo.yaml).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from hexa import marks, references
from hexa.configuration import FORMS, Configuration, File
from hexa.settings import Settings

LARGEST = 1_000_000
DEMO = Path(__file__).with_name("demo.yaml")
USUAL = Path("hexa.yaml")


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing to correct in a configuration file."""

    line: int
    key: str
    cause: str
    fix: str
    file: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}: " + (f"{self.key}: " if self.key else "")
        return f"{place}{self.cause}. Fix: {self.fix}{'' if self.fix.endswith('?') else '.'}"


class InvalidConfigurationError(Exception):
    """The configuration cannot be used; *problems* are all there is to correct."""

    def __init__(self, problems: list[Problem]) -> None:
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        super().__init__(f"The configuration has {count}:\n" + "\n".join(f"  {one}" for one in problems))
        self.problems = tuple(problems)


class MissingConfigurationError(InvalidConfigurationError):
    """There is no configuration file at all."""


def load(settings: Settings, *, demo: bool = False) -> Configuration:
    """The configuration named by HEXA_CONFIG, else hexa.yaml here, else for the demo the one it brings."""
    path = settings.config or (DEMO if demo else USUAL)
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST + 1)
    except FileNotFoundError as error:
        fix = "write it (docs/reference/configuration.md), name another with HEXA_CONFIG, or try `hexa demo`"
        raise MissingConfigurationError([Problem(1, "", "there is no such file", fix, str(path))]) from error
    except OSError as error:
        cause = f"cannot be read: {error.strerror or error}"
        problem = Problem(1, "", cause, "check the path and its permissions", str(path))
        raise InvalidConfigurationError([problem]) from error
    return parse(raw, path=path, data_dir=settings.data_dir, kubeconfig=settings.kubeconfig)


def parse(raw: bytes, *, path: Path, data_dir: Path, kubeconfig: Path | None = None) -> Configuration:
    if len(raw) > LARGEST:
        cause = f"is larger than {LARGEST // 1000} kB"
        raise InvalidConfigurationError([Problem(1, "", cause, "check that this is the right file", path.name)])
    try:
        document = marks.read(raw.decode())
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise InvalidConfigurationError([Problem(line, "", "is not UTF-8", "save it as UTF-8", path.name)]) from error
    problems = [Problem(flaw.line, dotted(flaw.path), flaw.cause, flaw.fix, path.name) for flaw in document.flaws]
    if problems and document.data is None:
        raise InvalidConfigurationError(problems)
    file, found = _validated(document, path.name)
    crossed = references.mistakes(document, kubeconfig_given=kubeconfig is not None)
    problems += found
    problems += [Problem(document.line(one.path), dotted(one.path), one.cause, one.fix, path.name) for one in crossed]
    if file is None or problems:
        raise InvalidConfigurationError(sorted(set(problems)))
    return Configuration(file, source=path, data_dir=data_dir, kubeconfig=kubeconfig)


def dotted(path: marks.Path) -> str:
    """``users[1].roles[0].role``"""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


def keys(model: type[BaseModel] = File, prefix: str = "") -> Iterator[str]:
    """Every key path of the models, ``users[].roles[].role`` in this form."""
    for name, info in model.model_fields.items():
        inner, mark = _inner(info.annotation)
        yield f"{prefix}{name}"
        if inner is not None:
            yield from keys(inner, f"{prefix}{name}{mark}.")


def _inner(annotation: Any) -> tuple[type[BaseModel] | None, str]:
    """The model within an annotation, and ``[]`` when there is a list around it."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, ""
    for argument in getattr(annotation, "__args__", ()):
        found, _ = _inner(argument)
        if found is not None:
            return found, "[]"
    return None, ""


def _validated(document: marks.Document, file: str) -> tuple[File | None, list[Problem]]:
    data = {} if document.data is None else document.data
    try:
        return File.model_validate(data), []
    except ValidationError as error:
        return None, [_problem(one, document, file) for one in error.errors(include_url=False) if _told(one)]


def _told(error: ErrorDetails) -> bool:
    """A list whose every item is wrong counts as too short as well; the items are told by themselves."""
    return error["type"] != "too_short" or not error["input"]


def _problem(error: ErrorDetails, document: marks.Document, file: str) -> Problem:
    path = tuple(part for part in error["loc"] if part != "[key]")
    cause, fix = _explained(error, path)
    return Problem(document.line(path), dotted(path), cause, fix, file)


def _explained(error: ErrorDetails, path: marks.Path) -> tuple[str, str]:
    """Cause and fix of what pydantic found, in the words of somebody who edits YAML."""
    kind, context = error["type"], error.get("ctx", {})
    if kind == "extra_forbidden":
        parent = "".join("[]" if isinstance(part, int) else f".{part}" for part in path[:-1]).removeprefix(".")
        within = f"{parent}." if parent else ""
        known = [one.removeprefix(within) for one in keys() if one.startswith(within)]
        return "is not a known key", references.meant(str(path[-1]), (one for one in known if not _nested(one)))
    if kind == "missing":
        return "is missing", f"add “{path[-1]}:”"
    if kind == "none_required":
        return "is reserved and has no effect in this version", "leave it out"
    if kind == "too_short":
        return "is empty", "name at least one, or leave the key out where it is optional"
    if kind == "value_error":
        return _sentence(error["msg"].removeprefix("Value error, "))
    if kind == "string_pattern_mismatch":
        return (
            f"“{_shown(error['input'])}” does not have the right form",
            f"write {FORMS.get(context['pattern'], context['pattern'])}",
        )
    if kind in _WANTED:
        return f"must be {_WANTED[kind]}, not {_shown(error['input'])}", "correct the value"
    return _sentence(error["msg"])


_WANTED = {
    "string_type": "text",
    "bool_type": "true or false",
    "int_type": "a whole number",
    "tuple_type": "a list",
    "mapping_type": "a mapping of keys to values",
    "dict_type": "a mapping of keys to values",
    "model_type": "a mapping of keys to values",
    "model_attributes_type": "a mapping of keys to values",
}


def _nested(key: str) -> bool:
    return "." in key or "[" in key


def _sentence(message: str) -> tuple[str, str]:
    cause, semicolon, fix = message.partition("; ")
    return cause[:1].lower() + cause[1:], fix if semicolon else "correct the value"


def _shown(value: object) -> str:
    kinds = {dict: "a mapping", list: "a list", type(None): "nothing"}
    text = kinds.get(type(value), str(value))
    return text if len(text) <= 40 else f"{text[:40]}…"  # noqa: PLR2004 -- enough to recognise it
