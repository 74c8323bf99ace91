"""The kiosk computer's disk, battery and software version."""

import shutil
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from kiosk.texts.messages import Code, Message

POWER_SUPPLIES = Path("/sys/class/power_supply")
# A day of scans takes a few MB, but the rest of the system needs some too.
DISK_FREE_MB_MIN = 500


def own_version() -> str:
    try:
        return version("hallkeeper")[:40]
    except PackageNotFoundError:
        return ""


def disk_free_mb(directory: Path) -> int | None:
    try:
        return shutil.disk_usage(directory).free // 1_000_000
    except OSError:
        return None


def battery_percent(supplies: Path = POWER_SUPPLIES) -> int | None:
    for capacity in sorted(supplies.glob("*/capacity")):
        try:
            return max(0, min(100, int(capacity.read_text())))
        except (OSError, ValueError):
            continue
    return None


def disk_trouble(directory: Path) -> Message | None:
    free_mb = disk_free_mb(directory)
    if free_mb is None or free_mb >= DISK_FREE_MB_MIN:
        return None
    return Message(Code.DISK_NEARLY_FULL, n=free_mb)
