"""The eyes bench: a door's video, drawn here, and each engine's reads of it.

`cards` draws badges and phones, `scene` puts them before a camera, `spoil` does what lenses, hands
and halls do to them; `stills` and `films` choose. `engines` read, `measure` counts; `kiosks` runs
whole doors for `pipeline` and `memory`; `run` does all; `table` shows the results.
"""

from tests.bench.eyes.run import run

__all__ = ["run"]
