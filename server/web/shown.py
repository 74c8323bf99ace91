"""Carries what a form's confirmation names: the macro `show.shown` writes it, and a view reads it
back for the comparison (server/core/staff/confirmations.py).

tests/server/web/test_confirmations.py lists every view that asks for a confirmation: it reads the
form by this module, or has its reason there.
"""

from flask import request

FIELD = "shown"
KEYS_MAX = 2_000
KEY_CHARS_MAX = 200


def named() -> frozenset[str]:
    """Return the keys that the submitted form carries. Empty if it carries none, which is the same
    as naming nothing.
    """
    return frozenset(key[:KEY_CHARS_MAX] for key in request.form.getlist(FIELD)[:KEYS_MAX])


def digest() -> str:
    return request.form.get(FIELD, "")[:KEY_CHARS_MAX]
