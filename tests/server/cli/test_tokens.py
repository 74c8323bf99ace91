"""`hallkeeper token`."""

from server.features.integrations import tokens
from server.storage.database import Database
from tests.server.support.console import Console


def test_a_token_is_made_listed_and_revoked(console: Console, database: Database) -> None:
    options = ("--scope", "read:halls", "--days", "9")
    output = console("token", "make", "Signage", *options).output
    secret = output.splitlines()[-1]
    token = tokens.find(database.reader, secret)
    assert token is not None
    assert token.scopes == {"read:halls"}
    listed = console("token", "list").output
    assert listed.startswith("Signage  read:halls  until ")
    assert secret not in listed
    console("token", "revoke", "signage")
    assert "revoked" in console("token", "list").output
    database.give_back()
    token = tokens.find(database.reader, secret)
    assert token is not None
    assert token.revoked_at is not None
