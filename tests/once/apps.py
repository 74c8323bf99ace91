"""What an app takes from its blueprints, found out once for all the apps that tests make.

Each test of a page makes an app, and to register a dozen blueprints with five hundred routes took
most of the time of that.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from flask import Blueprint, Flask
from werkzeug.routing import Map, Rule
from werkzeug.routing.matcher import StateMachineMatcher

# What an app has by scope, which is a blueprint's name, or None for all of the app.
_LISTS = (
    "before_request_funcs", "after_request_funcs", "teardown_request_funcs",
    "url_default_functions", "url_value_preprocessors", "template_context_processors",
)  # fmt: skip


@dataclass
class Added:
    """What one blueprint added to the first app that registered it."""

    blueprint: Blueprint
    views: dict[str, Any] = field(default_factory=dict)
    blueprints: dict[str, Blueprint] = field(default_factory=dict)
    lists: list[tuple[str, str | None, list[Any]]] = field(default_factory=list)
    handlers: dict[str | None, Any] = field(default_factory=dict)
    template_globals: dict[str, Any] = field(default_factory=dict)
    rules: list[Rule] = field(default_factory=list)

    def give(self, app: Flask) -> None:
        app.view_functions.update(self.views)
        app.blueprints.update(self.blueprints)
        for name, scope, functions in self.lists:
            getattr(app, name)[scope].extend(functions)
        for scope, by_code in self.handlers.items():
            for code, by_class in by_code.items():
                app.error_handler_spec[scope][code].update(by_class)
        if self.template_globals:
            app.jinja_env.globals.update(self.template_globals)
        taken = app.url_map.__dict__.setdefault("_taken", [])
        for rule in self.rules:
            app.url_map._rules_by_endpoint.setdefault(rule.endpoint, []).append(rule)
            taken.append(rule)
        app.url_map._remap = True


class State:
    """What an app has at one moment."""

    def __init__(self, app: Flask) -> None:
        self.views = set(app.view_functions)
        self.blueprints = set(app.blueprints)
        self.lengths = {
            (name, scope): len(found)
            for name in _LISTS
            for scope, found in getattr(app, name).items()
        }
        self.handlers = _handlers(app)
        self.globals = set(app.jinja_env.globals)
        self.others = [len(app.jinja_env.filters), len(app.jinja_env.tests), len(app.cli.commands)]
        self.rules = set(map(id, app.url_map._rules))

    def added(self, app: Flask, blueprint: Blueprint) -> Added:
        """Say what has come since."""
        now = State(app)
        assert now.others == self.others, "a blueprint adds what is not copied here"
        found = Added(blueprint)
        found.views = {key: app.view_functions[key] for key in now.views - self.views}
        found.blueprints = {
            key: one for key, one in app.blueprints.items() if key not in self.blueprints
        }
        for (name, scope), _ in now.lengths.items():
            functions = getattr(app, name)[scope][self.lengths.get((name, scope), 0) :]
            if functions:
                found.lists.append((name, scope, functions))
        for scope, code, kind in now.handlers - self.handlers:
            handler = app.error_handler_spec[scope][code][kind]
            found.handlers.setdefault(scope, {}).setdefault(code, {})[kind] = handler
        found.template_globals = {
            key: app.jinja_env.globals[key] for key in now.globals - self.globals
        }
        found.rules = [rule for rule in app.url_map._rules if id(rule) not in self.rules]
        return found


def _handlers(app: Flask) -> set[tuple[Any, ...]]:
    return {
        (scope, code, kind)
        for scope, by_code in app.error_handler_spec.items()
        for code, by_class in by_code.items()
        for kind in by_class
    }


@pytest.fixture(scope="session", autouse=True)
def blueprints_are_registered_once() -> Iterator[None]:
    plain = Flask.register_blueprint
    kept: dict[tuple[Any, ...], Added] = {}

    def register(app: Flask, blueprint: Blueprint, **options: Any) -> None:
        before = app.__dict__.get("_registered")
        if before is None:
            before = (app.import_name, *app.url_map.converters.items(), *app.view_functions)
        key = (before, id(blueprint), *options.items())
        app.__dict__["_registered"] = app.url_map.__dict__["_registered"] = key
        app._check_setup_finished("register_blueprint")
        if key in kept and blueprint.name not in app.blueprints:
            kept[key].give(app)
            return
        state = State(app)
        plain(app, blueprint, **options)
        kept[key] = state.added(app, blueprint)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Flask, "register_blueprint", register)
        _share_matchers(patch)
        yield


def _share_matchers(patch: pytest.MonkeyPatch) -> None:
    """Let maps of the same routes have one matcher. Whoever adds a route afterwards has an own."""
    update, add = Map.update, Map.add
    matchers: dict[tuple[Any, ...], StateMachineMatcher] = {}

    def updated(routes: Map) -> None:
        if not routes._remap or "_taken" not in routes.__dict__:
            update(routes)
            return
        with routes._remap_lock:
            taken = routes.__dict__.pop("_taken", [])
            known = set(map(id, taken))
            own = [(one.rule, one.endpoint) for one in routes._rules if id(one) not in known]
            key = (routes.__dict__["_registered"], *sorted(own))
            if key not in matchers:
                _add_all(routes._matcher, taken)
                matchers[key] = routes._matcher
                routes._matcher.update()
            routes._matcher = matchers[key]
            routes.__dict__["_is_shared"] = True
        update(routes)

    def added(routes: Map, factory: Any) -> None:
        if routes.__dict__.pop("_is_shared", False):
            routes._matcher = StateMachineMatcher(routes.merge_slashes)
            _add_all(routes._matcher, routes._rules)
        add(routes, factory)

    patch.setattr(Map, "update", updated)
    patch.setattr(Map, "add", added)


def _add_all(matcher: StateMachineMatcher, rules: list[Rule]) -> None:
    for rule in rules:
        if not rule.build_only:
            matcher.add(rule)
