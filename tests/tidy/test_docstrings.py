"""A reader opens one file and knows which room this is; every public name says what it is for."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.tidy.tree import modules


@pytest.mark.parametrize("path", sorted(modules()))
def test_module_and_its_public_names_have_docstrings(path: str) -> None:
    module = modules()[path]
    assert ast.get_docstring(module), f"{path} does not say what it is"
    silent = [f"{path}:{node.lineno} {name}" for name, node in public(module) if not ast.get_docstring(node)]
    assert not silent, "\n".join(silent)


def public(
    node: ast.Module | ast.ClassDef, prefix: str = ""
) -> Iterator[tuple[str, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef]]:
    """The public functions, classes and methods below a node, with their dotted names."""
    for child in node.body:
        if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            if child.name.startswith("_") or is_overload_or_setter(child):
                continue
            yield prefix + child.name, child
            if isinstance(child, ast.ClassDef):
                yield from public(child, f"{prefix}{child.name}.")


def is_overload_or_setter(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether the documentation stands at another definition of the same name."""
    names = {ast.unparse(each) for each in node.decorator_list}
    return "overload" in names or "override" in names or any(name.endswith(".setter") for name in names)


def test_every_folder_of_modules_is_a_package() -> None:
    """Folders without ``__init__.py`` work, but the import contracts would pass them over."""
    folders = {path.rpartition("/")[0] for path in modules()}
    assert not [folder for folder in sorted(folders) if f"{folder}/__init__.py" not in modules()]
