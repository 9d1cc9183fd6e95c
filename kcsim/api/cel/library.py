"""The library that knows CEL, and the environments in which expressions are compiled.

**Imitates:** apiserver ``pkg/cel/environment/base.go`` (v1.36): the same language version, macros and extension libraries.
Left out: the ``format`` library (its results are optional values, which functions written in Python cannot give), the
``string`` of an IP address or a network, costs and their limits, homogeneity of list literals.

**Walk:** variables -> ``environment`` -> ``Expression`` (expression.py) compiles against it. An expression is compiled
twice: against declared types, which only says what is wrong with it, and against untyped variables, which is what runs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from importlib.util import find_spec
from typing import Any

_CONFIG = """\
name: kubernetes
extensions:
- name: optional
- name: sets
- name: strings
  version: 2
- name: two-var-comprehensions
"""
BINDINGS = "- name: bindings\n"
"""``cel.bind``, which Kubernetes does not offer: for what this room itself writes around an expression."""
MISSING = (
    "kcsim evaluates CEL with the package cel-expr-python, which is not installed here "
    "(pip install cel-expr-python protobuf)"
)


@cache
def available() -> bool:
    """Whether the library is installed; it has no build for some platforms."""
    return find_spec("cel_expr_python") is not None and find_spec("google.protobuf") is not None


@cache
def _config(extra: str) -> Any:
    from cel_expr_python import cel

    return cel.NewEnvConfigFromYaml(_CONFIG + extra)


def environment(
    variables: Mapping[str, Any],
    functions: Sequence[Any],
    pool: Any,
    *,
    bindings: bool = False,
) -> Any:
    """An environment: variables by name with their library types, functions, and the messages they may be."""
    from cel_expr_python import cel

    return cel.NewEnv(
        descriptor_pool=pool,
        config=_config(BINDINGS if bindings else ""),
        variables=dict(variables),
        functions=list(functions),
    )
