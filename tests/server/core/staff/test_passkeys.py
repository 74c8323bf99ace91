"""Malformed answers of a browser. Real passkeys are made in tests/browser/accounts."""

import json

import pytest

from server.core.staff import passkeys, users
from server.core.staff.passkeys import Place
from server.core.staff.second_factors import WrongFactorError
from server.core.staff.users import User
from server.storage.connection import Connection
from server.storage.database import Database

PLACE = Place("localhost", "https://localhost", "Harbour Forum")
CHALLENGE = bytes(passkeys.CHALLENGE_BYTES)
MOST = passkeys.ANSWER_CHARS_MAX
# base64url of CBOR: nested lists, and a length without content.
LISTS, LENGTH = "gYGB" * 4000, "W39_f39_f39_"
ANSWERS = {
    "nothing": "",
    "no object": "[]",
    "lists in lists": "[" * MOST,
    "lists in lists that end": "[" * (MOST // 2) + "]" * (MOST // 2),
    "objects in objects": '{"a":' * (MOST // 5),
    "lists beside the answer": '{"id": "aQ", "x": ' + "[" * 9000 + "]" * 9000 + "}",
    "lists in CBOR": LISTS,
    "a length in CBOR": LENGTH,
    "longer than any": " " * (MOST + 1),
}


@pytest.fixture
def user(database: Database) -> User:
    return users.users(database.reader)[0]


def of(answer: str) -> str:
    """The answer, or an answer with that attestation."""
    if answer not in (LISTS, LENGTH):
        return answer
    response = {"clientDataJSON": "e30", "attestationObject": answer}
    return json.dumps({"id": "aQ", "rawId": "aQ", "type": "public-key", "response": response})


@pytest.mark.parametrize("fault", ANSWERS)
def test_what_is_no_passkey_is_refused(database: Database, user: User, fault: str) -> None:
    def step(db: Connection) -> None:
        passkeys.add_passkey(db, PLACE, user, of(ANSWERS[fault]), CHALLENGE, "Phone", now=1)

    with pytest.raises(WrongFactorError):
        database.write(step)


@pytest.mark.parametrize("fault", ANSWERS)
def test_what_no_passkey_has_signed_is_refused(database: Database, user: User, fault: str) -> None:
    with pytest.raises(WrongFactorError):
        passkeys.use_passkey(database.reader, PLACE, user, of(ANSWERS[fault]), CHALLENGE, now=1)
