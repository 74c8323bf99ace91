"""`hallkeeper token`."""

from server.features.integrations import tokens
from server.storage.database import Database
from tests.server.support.console import Console


def test_a_token_is_made_listed_and_revoked(console: Console, database: Database) -> None:
    options = ("--scope", "read:halls", "--days", "9")
    made = console("token", "make", "Signage", *options).output
    secret = made.splitlines()[-1]
    found = tokens.find(database.reader, secret)
    assert found is not None
    assert found.scopes == {"read:halls"}
    listed = console("token", "list").output
    assert listed.startswith("Signage  read:halls  until ")
    assert secret not in listed
    console("token", "revoke", "signage")
    assert "revoked" in console("token", "list").output
    database.give_back()
    found = tokens.find(database.reader, secret)
    assert found is not None
    assert found.revoked_at is not None
