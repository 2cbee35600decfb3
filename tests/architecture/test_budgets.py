"""Budgets on size, names and broad handlers: the tail of long functions is what separates good code bases from others.

A budget that is in the way is a sign to divide the file or the function, not to raise the number.
"""

import ast
import re
import statistics

import pytest

from tests.architecture import checkout

FILE_LINES = 400
TEST_FILE_LINES = 500
FUNCTION_LINES = 50
MEDIAN_FUNCTION_LINES = 10
BROAD_HANDLERS_PER_KLOC = 0.5

FORBIDDEN_MODULES = {"utils", "util", "common", "helpers", "misc", "base", "core", "shared", "lib"}
FORBIDDEN_CLASS_ENDINGS = ("Manager", "Handler", "Helper", "Util", "Utils", "Impl")
NAMED_BY_THE_SPECIFICATION = {"AIOpsSecurityManager"}
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK|NotImplementedError)\b")

# "path name" of the function -> why it must not let any exception pass. A process edge logs and answers; nothing else
# belongs here. Give the reason as what would happen without it.
PROCESS_EDGES: dict[str, str] = {
    "bot/turns.py Turns._attempt": "one item would stop its lane for good, and its sender would get no answer",
    "console/api/requests.py guarded.answer": "a command would get a page instead of a problem document it can show",
    "controlplane/server/problems.py _guarded": "a caller would get a page instead of a problem document it can map",
    "demo/controllers/reconciling.py Reconciler._reconcile": "one bad object would stop the controllers of all others",
    "demo/server.py ApiServer._edge": "a client would see a dead connection instead of a 500 it can report",
    "storage/dispatch/passes.py Passes._pass": "a run or lane whose drive failed once would never be looked at again",
    "storage/writing.py Writer._attempt": "the error of one unit of work would end the thread that writes for all",
}


def over(rows: list[tuple[str, int]], limit: int, what: str) -> str:
    return "\n".join(f"{where}: {measure} {what}, the limit is {limit}" for where, measure in rows)


def test_no_product_file_is_too_long():
    """A file fits in the head."""
    long = [(str(path), n) for path in checkout.product_modules() if (n := checkout.line_count(path)) > FILE_LINES]

    assert not long, over(long, FILE_LINES, "lines")


def test_no_test_file_is_too_long():
    """Tests may be a little longer, not endless."""
    long = [(str(path), n) for path in checkout.test_modules() if (n := checkout.line_count(path)) > TEST_FILE_LINES]

    assert not long, over(long, TEST_FILE_LINES, "lines")


def test_no_product_function_is_too_long():
    """A function fits on a screen."""
    every = [each for path in checkout.product_modules() for each in checkout.functions(path)]
    long = [(str(each), each.lines) for each in every if each.lines > FUNCTION_LINES]

    assert not long, over(long, FUNCTION_LINES, "lines")


def test_the_median_function_is_short():
    """Half of all functions say what they do in ten lines."""
    lengths = [each.lines for path in checkout.product_modules() for each in checkout.functions(path)]
    median = statistics.median(lengths)

    assert median <= MEDIAN_FUNCTION_LINES, (
        f"the median function has {median} lines, the limit is {MEDIAN_FUNCTION_LINES}"
    )


def test_no_module_has_a_name_that_takes_every_orphan():
    """A module is named for the one thing it holds."""
    bad = [str(path) for path in checkout.product_modules() if FORBIDDEN_MODULES & {path.stem, *path.parts[:-1]}]

    assert not bad, f"rename for what they hold: {bad}"


def test_no_class_is_named_for_being_a_class():
    """Manager, Handler and Helper say nothing about the thing."""
    classes = [each for path in checkout.product_modules() for each in checkout.definitions(path)
               if isinstance(each.node, ast.ClassDef)]  # fmt: skip
    bad = [
        str(each)
        for each in classes
        if each.name.endswith(FORBIDDEN_CLASS_ENDINGS) and each.name not in NAMED_BY_THE_SPECIFICATION
    ]

    assert not bad, f"rename for what they are: {bad}"


def test_nothing_is_marked_unfinished():
    """What is missing is in the issue tracker, not in the code."""
    marked = [f"{path}:{number} {line.strip()}" for path in checkout.product_modules()
              for number, line in enumerate((checkout.ROOT / path).read_text().splitlines(), 1)
              if UNFINISHED.search(line)]  # fmt: skip

    assert not marked, "finish it or open an issue:\n" + "\n".join(marked)


def test_every_broad_handler_is_a_named_process_edge():
    """An exception nobody expected is seen, except where a process would die or a person would get no answer."""
    found = {f"{path} {name}" for path, name in broad_handlers()}

    assert not found - PROCESS_EDGES.keys(), (
        f"broad except outside the process edges: {sorted(found - PROCESS_EDGES.keys())}; catch what you expect, or name "
        "the edge with its reason in PROCESS_EDGES of tests/architecture/test_budgets.py"
    )
    assert not PROCESS_EDGES.keys() - found, f"PROCESS_EDGES that are gone: {sorted(PROCESS_EDGES.keys() - found)}"


def test_broad_handlers_are_rare():
    """At most one in two thousand lines."""
    lines = sum(checkout.line_count(path) for path in checkout.product_modules())
    rate = 1000 * len(broad_handlers()) / lines

    assert rate <= BROAD_HANDLERS_PER_KLOC, (
        f"{len(broad_handlers())} broad handlers in {lines} lines are {rate:.2f} per 1,000 lines, "
        f"the limit is {BROAD_HANDLERS_PER_KLOC}"
    )


def broad_handlers() -> list[tuple[str, str]]:
    return [
        (str(path), owner) for path in checkout.product_modules() for owner in _broad(checkout.parsed(path), "module")
    ]


def _broad(parent: ast.AST, owner: str) -> list[str]:
    found = []
    for child in ast.iter_child_nodes(parent):
        named = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        inner = (child.name if owner == "module" else f"{owner}.{child.name}") if named else owner
        if isinstance(child, ast.ExceptHandler) and _catches_all(child.type) and not _passes_on(child):
            found.append(owner)
        found.extend(_broad(child, inner))
    return found


def _catches_all(kind: ast.expr | None) -> bool:
    if isinstance(kind, ast.Tuple):
        return any(_catches_all(each) for each in kind.elts)
    return kind is None or (isinstance(kind, ast.Name) and kind.id in {"Exception", "BaseException"})


def _passes_on(handler: ast.ExceptHandler) -> bool:
    """Cleans up and raises the same again: nothing is hidden."""
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


@pytest.mark.parametrize(
    ("handler", "counted"),
    [
        ("except Exception: pass", True),
        ("except: pass", True),
        ("except (KeyError, BaseException) as error: log(error)", True),
        ("except Exception:\n  close()\n  raise", False),
        ("except KeyError: pass", False),
    ],
)
def test_every_spelling_of_a_broad_handler_is_seen(handler, counted):
    """What hides an exception counts, what passes it on does not."""
    tree = ast.parse(f"def edge():\n try:\n  work()\n {handler}")

    assert _broad(tree, "module") == (["edge"] if counted else [])
