"""An export for a court: its text, and its commands run with others' tools."""

import subprocess

import pytest

from badges.transparency.signed_note import verifier_key
from server.features.evidence.export import export
from server.features.evidence.selection import Selection
from server.features.evidence.verify import check
from tests.server.conftest import NOW
from tests.server.features.evidence.conftest import Evidence


def exported(evidence: Evidence):
    out = evidence.folder / "court"
    with evidence.database.reading() as db:
        export(db, evidence.event, out, Selection(), now=NOW, progress=lambda at, of: None,
               court=True)  # fmt: skip
    return out


def test_it_verifies_and_says_the_limits_in_both_languages(evidence: Evidence) -> None:
    path = exported(evidence)
    assert check(path, checkpoints=[], key=None)[0] == []
    english = (path / "court/EVIDENCE.en.txt").read_text()
    chinese = (path / "court/EVIDENCE.zh.txt").read_text()
    key = verifier_key(evidence.event.log_name, evidence.event.log_key.public)
    for text in (english, chinese):
        for phrase in (key, str(evidence.log.size()), "910/2014", "openssl ts -verify",
                     "sha256sum -c court/SHA256SUMS", "aics-tlog"):  # fmt: skip
            assert phrase in text
        assert "{" not in text
    assert "It does not prove that there is no second version" in english
    assert "Article 41(2)" in english
    assert "Fa Shi [2018] No. 16" in english
    for phrase in ("法释〔2018〕16号", "第十一条", "不证明没有第二个版本", "第 41 条第 2 款"):
        assert phrase in chinese


@pytest.mark.system
def test_the_sums_are_checked_by_sha256sum(evidence: Evidence) -> None:
    path = exported(evidence)
    command = ["sha256sum", "--strict", "--quiet", "-c", "court/SHA256SUMS"]
    assert subprocess.run(command, cwd=path, capture_output=True).returncode == 0
    names = (path / "names.json").read_bytes()
    (path / "names.json").write_bytes(names + b" ")
    done = subprocess.run(command, cwd=path, capture_output=True, text=True)
    assert done.returncode == 1
    assert "names.json: FAILED" in done.stdout


def test_what_it_says_is_fixed_by_the_manifest(evidence: Evidence) -> None:
    path = exported(evidence)
    (path / "court/EVIDENCE.en.txt").write_text("it proves everything")
    assert check(path, checkpoints=[], key=None)[0] == [
        "court/EVIDENCE.en.txt was altered since the export"
    ]
    (path / "court/EVIDENCE.en.txt").unlink()
    assert check(path, checkpoints=[], key=None)[0] == ["court/EVIDENCE.en.txt is missing"]
