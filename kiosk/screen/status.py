"""The parts of the screen's status that come from journal, replica and link."""

from badges.admission.facts import Direction
from kiosk.clock import now_ms
from kiosk.door.facts import least_free, least_left, limit_here, limit_left
from kiosk.door.programme import now_and_next
from kiosk.journal.journal import Journal
from kiosk.journal.values import State
from kiosk.replica.door_context import DoorContext
from kiosk.screen.board import DoorStatus, LinkStatus
from kiosk.sync.link import LinkState


def link_status(
    link: LinkState, state: State, facts_age_ms: int | None, *, earlier: int = 0
) -> LinkStatus:
    """`earlier` is the number of scans of earlier enrolments that wait to be sent."""
    return LinkStatus(
        online=link.online,
        offline_since=link.offline_since,
        facts_as_of=None if facts_age_ms is None else (now_ms() - facts_age_ms) // 1000 * 1000,
        scans_waiting=state.waiting + earlier,
        skew_ms=link.skew_ms,
        retired=state.fenced,
        refused=tuple(filter(None, (link.refused, link.log_alarm, link.unusable))),
    )


def door_status(
    journal: Journal, context: DoorContext, link: LinkState, direction: Direction
) -> DoorStatus:
    with journal.transaction() as transaction:
        free, hall = least_free(context, transaction)
        limit = limit_here(context, transaction)
    left, left_hall = least_left(context, link.left)
    return DoorStatus(
        hall_names=context.hall_names,
        door_names=context.door.names,
        mode=context.door.mode,
        direction=direction,
        time_zone=context.time_zone.key,
        free_places=free,
        free_names=context.outer_names.get(hall, {}),
        hall_left=left,
        left_names=context.outer_names.get(left_hall, {}),
        limit_left=limit_left(context, link.left, link.beyond),
        limit_here=limit,
        programme=now_and_next(context, now_ms()),
    )
