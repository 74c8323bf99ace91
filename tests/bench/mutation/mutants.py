"""Small wrong changes of the code that keeps the promises: do the tests notice each of them?

A change that behaves exactly as the right code is listed, with the reason, in equivalent.toml.
`MUTANTS="badges/places/pool.py server"` chooses files or packages, `MUTANTS_SHARE=20` tries that
percentage of each file's, by a fixed draw.

While writing tests: `MUTANTS_ONLY="admit.py Admitter._answer: ; QUIET_S"` tries the names that
contain any of these texts, `MUTANTS_TESTS="admit_edges"` uses these test files alone, and
`MUTANTS_ONCE=1` skips the second attempt at survivors in place. `MUTANTS_CHILDREN=1` tries one at a
time.
"""

import json
import os
import random
import sys
import tempfile
import tomllib
from itertools import chain
from pathlib import Path

from tests.bench.mutation.made import Mutant, Source
from tests.bench.mutation.tried import KILLED, Fates, attempt, ready

ROOT = Path(__file__).parents[3]
EQUIVALENT = Path(__file__).with_name("equivalent.toml")
OUT = ROOT / "build" / "bench"
BADGES = (
    "badges/places/pool.py", "badges/places/account.py", "badges/admission/decide.py",
    "badges/credential/credential.py", "badges/transparency/merkle.py",
    "badges/transparency/checkpoint.py", "badges/transparency/chain.py",
    "badges/limits.py", "badges/wire/venue_edit.py",
)  # fmt: skip
KIOSK = (
    "kiosk/door/admit.py", "kiosk/door/facts.py", "kiosk/door/repeats.py",
    "kiosk/journal/journal.py", "kiosk/journal/transaction.py", "kiosk/sync/upload.py",
    "kiosk/sync/exchange.py", "kiosk/replica/replica.py", "kiosk/sync/signer.py",
)  # fmt: skip
SERVER = (
    "server/core/ledger/ingest.py", "server/core/ledger/batch.py", "server/core/occupancy/stays.py",
    "server/core/occupancy/unmatched_exits.py", "server/core/occupancy/pools.py",
    "server/core/occupancy/kiosk_accounts.py", "server/core/occupancy/grants.py",
    "server/storage/database.py", "server/storage/transactions.py",
    "server/storage/sqlite/engine.py",
    "server/storage/event_state.py", "server/core/kiosks/contact.py",
    "server/web/lanes.py", "server/doors/scans.py", "server/doors/signatures.py",
    "server/doors/replica.py", "server/doors/enrolment.py", "server/doors/errors.py",
    "server/web/auth.py", "server/web/security.py", "badges/places/signed.py",
)  # fmt: skip
# The tests of each package for these files that take seconds rather than minutes.
TESTS = {
    "badges": ("admission", "credential", "places", "transparency", "wire", "test_limits.py"),
    "kiosk": ("config", "door", "journal", "replica", "supervisor", "sync"),
    "server": (
        "core/event",
        "core/feed",
        "core/kiosks",
        "core/ledger",
        "core/occupancy",
        "core/second_disk",
        "doors",
        "features/backup",
        "storage",
        "web",
    ),
}
LEFT_OUT = ("test_power_cut.py", "test_threads_ending.py")


def tests_of(package: str) -> list[str]:
    """The test files of a package that try its mutants."""
    rooms = [ROOT / "tests" / package / room for room in TESTS[package]]
    folders = (room.rglob("test_*.py") for room in rooms if room.is_dir())
    paths = sorted([*(room for room in rooms if room.is_file()), *chain.from_iterable(folders)])
    words = os.environ.get("MUTANTS_TESTS", "").split()
    return [
        path.relative_to(ROOT).as_posix()
        for path in paths
        if path.name not in LEFT_OUT and (not words or any(word in path.name for word in words))
    ]


def equivalents() -> dict[str, str]:
    """Names of mutants that behave as the right code does, each with the reason."""
    rows = tomllib.loads(EQUIVALENT.read_text(encoding="utf-8")).get("equivalent", [])
    return {f"{row['where']}: {row['change']}": row["why"] for row in rows}


def sampled(mutants: list[Mutant], percent: int) -> list[Mutant]:
    """A share of them, the same each time."""
    count = max(1, round(len(mutants) * percent / 100)) if mutants else 0
    chosen = random.Random(mutants[0].file if mutants else "").sample(range(len(mutants)), count)
    return [mutants[index] for index in sorted(chosen)]


def named(mutants: list[Mutant]) -> list[Mutant]:
    """Those that MUTANTS_ONLY selects; all if it is unset."""
    texts = [text.strip() for text in os.environ.get("MUTANTS_ONLY", "").split(" ; ")]
    return [mutant for mutant in mutants if any(text in mutant.name for text in texts)]


def row(file: str, tried: list[Mutant], fates: Fates, same: dict[str, str]) -> dict[str, object]:
    """A file's line in the table. `percent` is of those that a test could notice."""
    names = [mutant.name for mutant in tried]
    killed = sum(fates[name] == KILLED for name in names)
    alike = sum(fates[name] != KILLED and name in same for name in names)
    lives = [
        f"{mutant.line}: {mutant.name}"
        for mutant in tried
        if fates[mutant.name] != KILLED and mutant.name not in same
    ]
    share = 100 * (killed + alike) / len(names) if names else 100.0
    return {
        "file": file, "mutants": len(names), "killed": killed, "equivalent": alike,
        "survived": len(lives), "percent": round(share, 1), "survivors": lives,
    }  # fmt: skip


def run() -> dict[str, object]:
    """One row for each file; survivors by name in build/bench/mutants.json."""
    wanted = tuple(os.environ.get("MUTANTS", "").split()) or ("badges", "kiosk", "server")
    percent = int(os.environ.get("MUTANTS_SHARE", "100"))
    OUT.mkdir(parents=True, exist_ok=True)
    os.environ["MUTANTS_LOG"] = str(OUT / "mutants.log")
    same = equivalents()
    rows = []
    ready()
    for package, every in (("badges", BADGES), ("kiosk", KIOSK), ("server", SERVER)):
        files = [file for file in every if file.startswith(wanted)]
        if not files:
            continue
        sources = {file: Source(ROOT, file) for file in files}
        mutants_of = {file: source.mutants for file, source in sources.items()}
        stale = sorted(
            name
            for name in same
            if name.split()[0] in mutants_of
            and not any(name == mutant.name for mutant in mutants_of[name.split()[0]])
        )
        for name in stale:
            sys.stderr.write(f"not made any more, so strike it out: {name}\n")
        tried = {file: named(sampled(mutants, percent)) for file, mutants in mutants_of.items()}
        with tempfile.TemporaryDirectory() as home:
            os.environ["MUTANTS_TMP"] = home
            every_one = [mutant for mutants in tried.values() for mutant in mutants]
            once = os.environ.get("MUTANTS_ONCE", "") == "1"
            fates = attempt(sources, every_one, tests_of(package), once=once)
        rows += [row(file, tried[file], fates, same) for file in files]
        (OUT / "mutants.json").write_text(json.dumps(rows, indent=1, ensure_ascii=False))
    table = [{key: value for key, value in line.items() if key != "survivors"} for line in rows]
    return {"mutants": table, "percent_tried": percent}
