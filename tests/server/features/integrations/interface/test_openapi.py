"""The description at /openapi.json against the app, by schemathesis.

Requests do or don't fit the description; each answer must be described.
"""

from collections.abc import Callable, Iterator

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, assume, given, settings
from schemathesis.checks import CHECKS as ALL_CHECKS
from schemathesis.checks import load_all_checks
from schemathesis.generation.feedback import FeedbackSources
from schemathesis.python._constants.orchestrator import make_constants_value_source
from schemathesis.python._constants.pool import ConstantsPool
from schemathesis.schemas import BaseSchema

from badges.limits import Steady
from server.core.event.directory import Event
from server.features.integrations.interface.interface import ROUTES
from server.features.integrations.interface.rates import Rates
from server.storage.database import Database
from server.web.services import services_of
from tests.server.support.integrations import Integration, integration
from tests.server.support.pages import Pages

EXAMPLES = 40  # of each route, fitting requests and others
QUICK_EXAMPLES = EXAMPLES // 4  # as of all properties
# Without `positive_data_acceptance`: no schema lists free e-mail addresses or this event's
# categories. `test_api.py` has such values.
CHECKS = (
    "not_a_server_error", "status_code_conformance", "content_type_conformance",
    "response_headers_conformance", "response_schema_conformance", "negative_data_rejection",
    "ignored_auth", "unsupported_method", "allow_header_conformance",
)  # fmt: skip


@pytest.fixture
def asker(event: Event, site: Database) -> Iterator[Integration]:
    with Pages(event, site) as pages:
        pages.issue()
        services_of(pages.app).keep(Rates(Steady(1, every_ms=0)))
        door = pages.kiosk("k1", "main")
        for external_id in ("A1", "A2", "A3"):
            door.scan(pages.now, pages.serial(external_id))
        pages.send(door)
        yield integration(pages)


@pytest.fixture(scope="module")
def examples(pytestconfig: pytest.Config) -> int:
    return QUICK_EXAMPLES if pytestconfig.getoption("--quick") else EXAMPLES


@pytest.fixture(scope="module")
def constants() -> Callable[[BaseSchema], ConstantsPool | None]:
    """Constants of all imported modules, to make requests of. Cached: schemathesis would read all
    sources for each app anew.
    """
    pools: list[ConstantsPool | None] = []

    def of(schema: BaseSchema) -> ConstantsPool | None:
        if not pools:
            pools.append(make_constants_value_source(schema))
        return pools[0]

    return of


@pytest.mark.parametrize("name", [route.name for route in ROUTES])
def test_every_answer_is_described(
    asker: Integration,
    examples: int,
    constants: Callable[[BaseSchema], ConstantsPool | None],
    name: str,
) -> None:
    load_all_checks()
    chosen = ALL_CHECKS.get_by_names(CHECKS)
    schema = schemathesis.openapi.from_wsgi("/openapi.json", asker.pages.app)
    (operation,) = [
        result.ok()
        for result in schema.get_all_operations()
        if result.ok().definition.raw["operationId"] == name
    ]
    headers = {"Authorization": f"Bearer {asker.secret}"}
    feedback = FeedbackSources(constants_value_source=constants(schema))
    statuses: set[int] = set()

    repeatable = settings(
        max_examples=examples, deadline=None, database=None, phases=[Phase.generate],
        derandomize=True, suppress_health_check=list(HealthCheck),
    )  # fmt: skip

    @repeatable
    @given(
        case=operation.as_strategy(
            generation_mode=schemathesis.GenerationMode.POSITIVE, feedback=feedback
        )
    )
    def fitting(case: schemathesis.Case) -> None:
        answer = case.call_and_validate(headers=headers, checks=chosen)
        statuses.add(answer.status_code)

    @repeatable
    @given(
        case=operation.as_strategy(
            generation_mode=schemathesis.GenerationMode.NEGATIVE, feedback=feedback
        )
    )
    def unfitting(case: schemathesis.Case) -> None:
        assume(not _says_nothing(case))
        case.call_and_validate(headers=headers, checks=chosen)

    fitting()
    if operation.body or operation.query or operation.path_parameters:
        unfitting()
    assert statuses


def _says_nothing(case: schemathesis.Case) -> bool:
    """Whether a parameter has no value to send, so that the request may fit the description."""
    return any(value in (None, [], {}) for value in (case.query or {}).values())


def test_the_limit_is_documented(asker: Integration) -> None:
    services_of(asker.pages.app).keep(Rates(Steady(1, every_ms=3_600_000)))
    asker.ask("GET", "/api/v1/halls")
    answer = asker.ask("GET", "/api/v1/halls")
    described = asker.ask("GET", "/openapi.json").json["paths"]["/api/v1/halls"]["get"]
    assert answer.status_code == 429
    assert "Retry-After" in described["responses"]["429"]["headers"]
