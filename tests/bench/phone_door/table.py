"""The figures as plain text."""

from typing import Any

from tests.bench.eyes.table import percent, table

# Assumptions of the estimate of a battery. None was measured.
CORE_RATIO = 4  # a phone's core has a quarter of the speed of this computer's
CORE_W = 1.0  # of one busy core of a phone
REST_W = 2.5  # of the bright screen, the camera and the radio
BATTERY_WH = 15.0  # 4,000 mAh at 3.8 V


def text_of(report: dict[str, Any]) -> str:
    parts = [_head(report)]
    speeds = {name: report[name] for name in ("slow", "full") if name in report}
    if speeds:
        parts.append(_times(speeds))
    if "films" in report:
        parts.append(_films(report["films"], speeds))
    if "memory" in report:
        parts.append(_memory(report["memory"]))
    if "busy" in report.get("hour", {}):
        parts.append(_hour(report["hour"]))
    return "\n\n".join(parts)


def _head(report: dict[str, Any]) -> str:
    lines = [
        f"A phone's page in Chromium. {report['took_s']} s, load {report['load_before']:.1f}"
        f" before, {report['load_after']:.1f} after."
    ]
    if not report["compiled"]:
        lines.append("Its Python was not compiled before (packaging/phone/fetch): starts are slow.")
    if "not_limited" in report:
        lines.append(f"Not throttled: {report['not_limited']}.")
    if "left_out" in report:
        lines.append(f"Left out: {report['left_out']}.")
    return "\n".join(lines)


def _times(speeds: dict[str, Any]) -> str:
    rows = []
    for figures in speeds.values():
        cases = {
            "start from cache": figures.get("start_ms"),
            "start, with the browser's": figures.get("start_with_browser_ms"),
            **{
                f"{way} to answer, {state}": figures.get(f"{key}_{state}", {}).get(unit)
                for way, key, unit in (
                    ("typed code", "typed", "answer_ms"), ("frame", "camera", "frame_to_answer_ms")
                )
                for state in ("online", "offline")
            },
        }  # fmt: skip
        rows += [
            [f"{figures['cores']:g} cores: {case}", ms["p50"], ms["p95"], ms["max"]]
            for case, ms in cases.items()
            if ms
        ]
        parts = ("typed_online", "typed_offline", "camera_online", "camera_offline")
        wrong = [figures[part]["wrong"] for part in parts if part in figures]
        rows.append([f"{figures['cores']:g} cores: wrong answers", sum(wrong)])
    return "CPU for the whole browser: milliseconds.\n" + table(
        ["", "p50", "p95", "max"], [[*row, *[""] * (4 - len(row))] for row in rows]
    )


def _films(films: dict[str, Any], speeds: dict[str, Any]) -> str:
    readers = {"Linux kiosk": films["kiosk"]}
    readers |= {
        f"phone, {figures['cores']:g} cores": figures["films"]
        for figures in speeds.values()
        if "films" in figures
    }
    rows = [
        [name, part["read"], percent(part["read"] / films["films"]), *part["by_kind"].values(),
         part["wrong_reads"]]
        for name, part in readers.items()
    ]  # fmt: skip
    head = ["", "read", "", *films["kiosk"]["by_kind"], "wrong reads"]
    return f"Read of {films['films']} films of moving badges.\n" + table(head, rows)


def _memory(memory: dict[str, Any]) -> str:
    samples = memory["mb"]
    rows = [[name, samples[0][name], samples[-1][name]] for name in samples[0]]
    return (
        f"Memory in MB, {memory['scans']} scans ({memory['wrong']} wrong answers): the page's"
        " process, the whole browser, the workers' WebAssembly, of it Python, the door's"
        " JavaScript.\n" + table(["", "before", "after"], rows)
    )


def _hour(hour: dict[str, Any]) -> str:
    rows = []
    for name in ("idle", "busy"):
        part = hour[name]
        core = part["page_cores"] * CORE_RATIO
        hours = BATTERY_WH / (REST_W + core * CORE_W)
        rows.append(
            [name, part["answers"], round(3600 * part["page_cores"]),
             round(3600 * part["browser_cores"]), f"{core:.2f}", round(hours, 1)]
        )  # fmt: skip
    head = ["", "answers", "page, CPU s", "rest, CPU s", "phone's cores", "battery, h"]
    return (
        f"An hour's CPU of this computer, before an empty hall and with a person each"
        f" {hour['pace_s']:g} s. The rest is the film and the drawing, for which a phone has"
        " hardware.\n" + table(head, rows) + "\nThe battery is an estimate, not measured. It"
        f" assumes a phone's core with 1/{CORE_RATIO} of this core's speed, {CORE_W:g} W for a busy"
        f" core, {REST_W:g} W for screen, camera and radio, and a battery of {BATTERY_WH:g} Wh."
    )
