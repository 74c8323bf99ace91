"""What enters by a request is whole text, and no text, number or date ends in a program's error."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import request
from werkzeug.datastructures import FileStorage

import server
from badges.whole_text import whole_text
from server.web.entrance import WholeFields
from tests.server.support.pages import Pages, Staff
from tests.tries import tries

# As a browser could send them: urlencoded bytes.
VALUES = {
    "text": b"Jose%CC%81%00%ED%A0%80",
    "long number": b"1" + b"0" * 30,
    "64 bits": b"9223372036854775807",
    "first year": b"0001-01-01",
    "last minute": b"9999-12-31T23:59",
    "last day": b"9999-12-31",
    "negative": b"-1",
    "no number": b"NaN",
    "infinity": b"1e999",
    "64 bits and one": b"9223372036854775808",
    "digits of another script": "٣".encode(),
}
NAMED = re.compile(r"""(?:form(?:\.get(?:list)?)?[\[(]|\bname=)["']([a-z_]+)["']""")
KEPT = ("csrf_token", "password")
# These end the session that posts.
LEFT_OUT = {"sign_out"}


def names_of_fields() -> list[str]:
    """Every name of a field in code or templates."""
    folder = Path(server.__file__).parent
    sources = [*folder.rglob("*.py"), *folder.rglob("*.html")]
    names = {name for path in sources for name in NAMED.findall(path.read_text(encoding="utf-8"))}
    return sorted(names.difference(KEPT))


def forms(pages: Pages) -> Iterator[str]:
    """Yield an address of each form of staff's pages."""
    for rule in pages.app.url_map.iter_rules():
        is_left_out = rule.endpoint.rpartition(".")[2] in LEFT_OUT
        if "POST" in (rule.methods or ()) and rule.rule.startswith("/admin") and not is_left_out:
            yield re.sub(r"<[^>]+>", "1", rule.rule)
            if "<" in rule.rule:
                yield re.sub(r"<[^>]+>", "1" + "0" * 30, rule.rule)


def post(someone: Staff, target: str, fields: bytes):
    return someone.client.post(
        target,
        data=b"csrf_token=%s&%s" % (someone.form_token().encode(), fields),
        content_type="application/x-www-form-urlencoded",
        base_url="https://localhost",
        headers={"Referer": "https://localhost/"},
    )


def turn(kind: str) -> int:
    return list(VALUES).index(kind)


@pytest.mark.parametrize("kind", VALUES)
def test_no_form_fails_at_any_text_number_or_date(pages: Pages, kind: str) -> None:
    pages.issue()
    value = VALUES[kind]
    fields = b"&".join(name.encode() + b"=" + value for name in names_of_fields())
    targets = list(forms(pages))
    assert len(targets) > 100
    targets = tries.some(targets, turn(kind))
    admin, failed = pages.staff("admin"), []
    for target in targets:
        if admin.get("/admin/account/").status_code != 200:
            admin = pages.staff("admin")  # the form before ended the session
        if post(admin, target, fields).status_code == 500:
            failed.append(target)
    assert not failed


@pytest.mark.parametrize("kind", VALUES)
def test_no_page_fails_at_any_filter(pages: Pages, kind: str) -> None:
    admin, failed = pages.staff("admin"), []
    query = "&".join(f"{name}={VALUES[kind].decode()}" for name in names_of_fields())
    for rule in tries.some(list(pages.app.url_map.iter_rules()), turn(kind)):
        if "GET" in (rule.methods or ()) and rule.rule.startswith("/admin"):
            target = re.sub(r"<[^>]+>", VALUES[kind].decode(), rule.rule)
            answer = admin.get(f"{target}?{query}")
            if answer.status_code == 500:
                failed.append(rule.rule)
            answer.close()
    assert not failed


def test_a_nul_in_an_address_is_no_error(pages: Pages) -> None:
    admin = pages.staff("admin")
    for page in (
        "/admin/wallet/x%00",
        "/admin/imports/sample/x%00",
        "/admin/kiosks/x%00",
        "/h/%00",
    ):
        assert admin.get(page).status_code in (404, 405), page


def test_every_part_of_an_address_is_whole(pages: Pages) -> None:
    addresses, faults = pages.app.url_map.bind("localhost"), []
    for rule in pages.app.url_map.iter_rules():
        address = re.sub(r"<int:[^>]+>", "1", rule.rule)
        address = re.sub(r"<any\(([a-z_]+)[^>]*>", r"\1", address)
        address = re.sub("<[^>]+>", "Jose\u0301\0", address)
        _, values = addresses.match(address, method=min(rule.methods or {"GET"}))
        if any(str(value) != whole_text(str(value)) for value in values.values()):
            faults.append(f"{rule.rule}: {values}")
    assert not faults


def test_a_view_gets_whole_text(pages: Pages) -> None:
    body = b"note=Jose%CC%81%00&b%00=x"
    with pages.app.test_request_context(
        "/?q=Jose%CC%81%00",
        method="POST",
        data=body,
        content_type="application/x-www-form-urlencoded",
    ):
        assert request.form.to_dict() == {"note": "José", "b": "x"}
        assert request.args["q"] == "José"


def test_names_of_files_are_whole_too() -> None:
    files = WholeFields([("file", FileStorage(filename="Jose\u0301\0.csv"))])
    assert files["file"].filename == "José.csv"
