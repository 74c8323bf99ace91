"""Ctrl-C in a terminal reaches every process there. Those that draw are ended by their parent."""

import subprocess
import sys

# In a new Python, because the first start of a process is another one.
FIRST_START = """
import multiprocessing, signal
from server.features.cards.drawing import start_deaf

if __name__ == "__main__":
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    start_deaf(context.Process(target=exec, args=(
        "import signal; pipe.send(signal.pthread_sigmask(signal.SIG_BLOCK, []))", {"pipe": theirs}
    )))
    held = signal.SIGINT in ours.recv()
    print(held, signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, []))
"""


def test_a_process_that_draws_does_not_hear_ctrl_c(tmp_path) -> None:
    """And its parent hears it again."""
    script = tmp_path / "start.py"
    script.write_text(FIRST_START, "utf-8")
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    assert done.stdout == "True False\n"
