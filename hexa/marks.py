"""YAML read together with the places where everything stands, so that a problem can name its line.

Only plain data comes out: no tags, no objects. Duplicate keys are problems, because YAML would silently keep the last
one, and so are files that grow by aliases beyond what anybody writes.
"""

from dataclasses import dataclass, field
from typing import Any

import yaml

MOST_NODES = 50_000
PLAIN_TAGS = ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")

Key = str | int
Path = tuple[Key, ...]


@dataclass(frozen=True, slots=True)
class Flaw:
    """Something wrong with the YAML itself."""

    line: int
    path: Path
    cause: str
    fix: str


@dataclass(slots=True)
class Document:
    """Plain *data*, the line of every path in it, and the flaws of the text. *data* is None when nothing was read."""

    data: Any = None
    lines: dict[Path, int] = field(default_factory=dict)
    flaws: list[Flaw] = field(default_factory=list)

    def line(self, path: Path) -> int:
        """The line of the nearest known part of a path."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


def read(text: str) -> Document:
    document = Document()
    try:
        loader = yaml.SafeLoader(text)
        root = loader.get_single_node()
        if root is not None:
            document.data = _Reading(loader, document).plain(root, ())
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: an impossible date or number
        mark = getattr(error, "problem_mark", None)
        cause = getattr(error, "problem", None) or str(error).split("\n", 1)[0]
        fix = "check indentation and quotes around this line"
        document.flaws.append(Flaw(mark.line + 1 if mark else 1, (), f"is not valid YAML: {cause}", fix))
    return document


class _Reading:
    def __init__(self, loader: yaml.SafeLoader, document: Document) -> None:
        self._loader, self._document = loader, document
        self._left = MOST_NODES

    def plain(self, node: yaml.Node, path: Path) -> Any:
        self._left -= 1
        if self._left < 0:
            raise yaml.constructor.ConstructorError(None, None, "the file has too many values", node.start_mark)
        if not isinstance(node, yaml.ScalarNode) and node.tag not in PLAIN_TAGS:
            raise yaml.constructor.ConstructorError(None, None, f"the tag {node.tag} is not allowed", node.start_mark)
        self._document.lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.plain(inner, (*path, index)) for index, inner in enumerate(node.value)]
        return self._loader.construct_object(node)

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[Any, Any]:
        found: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            key = key_node.value if isinstance(key_node, yaml.ScalarNode) else "?"
            line = key_node.start_mark.line + 1
            if key in found:
                first = self._document.line((*path, key))
                cause = f"stands here twice (first on line {first})"
                self._document.flaws.append(Flaw(line, (*path, key), cause, "keep one of them"))
            self._document.lines[(*path, key)] = line
            found[key] = self.plain(value_node, (*path, key))
        return found
