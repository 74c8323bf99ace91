"""The small venue as a model for Spin (https://spinroot.com), a second engine.

Spin is 30 years older than this project, and visits the states by its own code. It must find as
many as `walk`, and the same verdict.
"""

import re
import subprocess
from pathlib import Path
from typing import NamedTuple

from tests.worlds.proof.algebra import PromelaText, written
from tests.worlds.proof.venue import VARIABLES, Act, Size, acts, holds
from tests.worlds.proof.walk import texts


class Verdict(NamedTuple):
    states: int
    holds: bool


class SpinError(RuntimeError):
    """Spin or the compiler failed."""


def model(size: Size, *, plant: str = "") -> str:
    values = texts(PromelaText)
    lines = [
        f"// {size}",
        *(f"short {name};" for name in VARIABLES),
        *(f"hidden short after_{name};" for name in VARIABLES),
        f"#define HOLDS {written(holds(values, size))}",
        "active proctype venue() {",
        "  do",
        *(_option(act) for act in acts(size, plant=plant)),
        "  od",
        "}",
    ]
    return "\n".join(lines) + "\n"


def _option(act: Act) -> str:
    """All new values first: each is of the state before."""
    happens, changed = act.effect(texts(PromelaText))
    first = "".join(f" after_{name} = {written(value)};" for name, value in changed.items())
    then = "".join(f" {name} = after_{name};" for name in changed)
    return f"  :: d_step {{ {written(happens)} ->{first}{then} assert(HOLDS) }} // {act.name}"


def check(size: Size, folder: Path, *, plant: str = "") -> Verdict:
    """Raises SpinError."""
    (folder / "venue.pml").write_text(model(size, plant=plant), "utf-8")
    _run(folder, "spin", "-a", "venue.pml")
    _run(folder, "cc", "-O1", "-DSAFETY", "-DMEMLIM=2048", "-w", "-o", "pan", "pan.c")
    said = _run(folder, "./pan", "-m10000000", "-w22")
    states = re.search(r"(\d+) states, stored", said)
    errors = re.search(r"errors: (\d+)", said)
    if states is None or errors is None or "out of memory" in said:
        raise SpinError(said)
    if "max search depth too small" in said:
        raise SpinError("the search was not deep enough")
    return Verdict(int(states[1]), errors[1] == "0")


def _run(folder: Path, *command: str) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SpinError(f"{command}: {done.stdout[-500:]} {done.stderr[-500:]}")
    return done.stdout
