"""The top-level names are ours, all of them are known to every tool, and the tests cannot shadow them."""

import importlib.metadata
import sys

from tests.architecture import checkout

NOT_PRODUCT = {"tests", "benchmarks"}


def top_level_packages() -> set[str]:
    return {path.parts[0] for path in checkout.files() if len(path.parts) == 2 and path.name == "__init__.py"}


def test_every_top_level_package_is_known_to_setuptools_mypy_and_the_contracts():
    """A new folder is packaged, typed and under contract from its first commit."""
    tools = checkout.pyproject()["tool"]
    expected = top_level_packages() - NOT_PRODUCT

    assert expected == set(tools["setuptools"]["packages"])
    assert expected == set(tools["mypy"]["packages"])
    assert expected == set(tools["importlinter"]["root_packages"])


def test_no_other_distribution_claims_one_of_our_names():
    """`agents` and `workflows` are also shipped by others; in one environment theirs would win (decision 0008)."""
    owners = importlib.metadata.packages_distributions()
    foreign = {name: owners[name] for name in checkout.packages() if set(owners.get(name, [])) - {"hexa"}}

    assert not foreign, f"top-level names of ours that another distribution installs: {foreign}"


def test_no_top_level_name_hides_the_standard_library():
    """`import logging` keeps meaning logging."""
    assert not top_level_packages() & set(sys.stdlib_module_names)


def test_every_folder_of_tests_is_a_package():
    """Without it `import bot` inside tests/unit would find tests/unit/bot."""
    folders = {path.parent for path in checkout.test_modules()}
    bare = sorted(str(folder) for folder in folders if not (checkout.ROOT / folder / "__init__.py").exists())

    assert not bare, f"folders below tests/ without __init__.py: {bare}"
