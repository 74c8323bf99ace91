from collections.abc import Sequence

from badges.i18n import N_, counted
from server.core.kiosks import registry
from server.core.venue import store
from server.web.feature import Step
from server.web.services import Services


def steps(here: Services) -> Sequence[Step]:
    """Return the step for kiosks: each door needs an active one that has reported."""
    db = here.database.reader
    served = {
        row.door_id
        for row in registry.kiosks(db)
        if row.state == "active" and row.seen_at is not None
    }
    doors = store.doors(db)
    words = counted(
        "%(ready)s of %(num)s door has a kiosk that has reported",
        "%(ready)s of %(num)s doors have a kiosk that has reported",
        len(doors), ready=len(served),
    )  # fmt: skip
    done = bool(doors) and all(door.door_id in served for door in doors)
    return (Step(60, N_("Kiosks"), words, done, "admin.kiosks.show", blocks=True),)
