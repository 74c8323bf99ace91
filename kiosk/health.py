"""How the machine is: what a kiosk can know of its own disk and battery."""

import shutil
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

POWER_SUPPLIES = Path("/sys/class/power_supply")
DISK_FREE_MB_MIN = 500  # a day of scans is a few MB; the rest of the machine wants some too

Words = Mapping[str, str]  # by language; empty while all is well


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
    """The first battery's charge; None where there is none, or none that tells."""
    for capacity in sorted(supplies.glob("*/capacity")):
        try:
            return max(0, min(100, int(capacity.read_text())))
        except (OSError, ValueError):
            continue
    return None


def disk_trouble(directory: Path) -> Words:
    """What to tell staff of a disk that is nearly full; {} while it is not, or can't be known."""
    free_mb = disk_free_mb(directory)
    if free_mb is None or free_mb >= DISK_FREE_MB_MIN:
        return {}
    return {
        "en": f"The disk is nearly full: {free_mb} MB left. Free some space.",
        "zh": f"磁盘即将写满：仅剩 {free_mb} MB，请清理空间。",
    }


def joined(*troubles: Words) -> dict[str, str]:
    """Troubles as one text in each language; one that lacks a language is told in English."""
    real = [words for words in troubles if any(words.values())]
    languages = dict.fromkeys(language for words in real for language in words)
    return {
        language: " ".join(words.get(language) or words.get("en", "") for words in real)
        for language in languages
    }
