"""Templates and routes that are compiled once for all tests: each app that a test makes would
compile its own, and that took most of the time of the tests of pages.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket
from werkzeug.routing import Rule


class Compiled(BytecodeCache):
    """Keeps what was compiled, in memory; Jinja looks whether the source is still the same."""

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self._kept:
            bucket.bytecode_from_string(self._kept[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._kept[bucket.key] = bucket.bytecode_to_string()


COMPILED = Compiled()


@pytest.fixture(scope="session", autouse=True)
def templates_are_compiled_once() -> Iterator[None]:
    plain = Flask.jinja_options
    Flask.jinja_options = {**plain, "bytecode_cache": COMPILED}
    yield
    Flask.jinja_options = plain


@pytest.fixture(scope="session", autouse=True)
def routes_are_compiled_once() -> Iterator[None]:
    """Keep the function that builds a route's address. It is given its route when it is called."""
    plain = Rule._compile_builder
    kept: dict[tuple[Any, ...], Callable[..., tuple[str, str]]] = {}

    def compiled(rule: Rule, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        if rule.defaults:
            return plain(rule, append_unknown)
        key = (rule.rule, tuple(rule._trace), tuple(sorted(rule.arguments)), append_unknown)
        if key not in kept:
            kept[key] = plain(rule, append_unknown)
        return kept[key]

    Rule._compile_builder = compiled
    yield
    Rule._compile_builder = plain
