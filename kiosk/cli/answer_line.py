"""An answer as fields of a JSON line, as `run --json` and `many` print it."""

from kiosk.door.answer import Answer


def answer_fields(answer: Answer) -> dict[str, object]:
    return {
        "at": answer.scanned_at,
        "seq": answer.seq,
        "decision": "admitted" if answer.admitted else "denied",
        "reason": getattr(answer.decision, "reason", None),
        "direction": answer.direction,
        "serial": answer.serial,
        "free_places": answer.free_places,
    }
