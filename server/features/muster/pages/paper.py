"""Writes a muster's list for print, without a template: tens of thousands of lines take under a
second.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from flask import url_for
from markupsafe import escape

from badges.credential.badge_number import badge_number
from server.core.muster.muster import Muster
from server.features.muster.lists import Counts, HallCount, Line, State
from server.features.muster.pages import words
from server.web.display import Minutes, both_names, main_name
from server.web.i18n import gettext as _
from server.web.i18n import page_language
from server.web.services import services


def pages(muster: Muster, counts: Counts, lines: Sequence[Line], now: int) -> Iterator[str]:
    """Yield a sheet of totals, and one for each hall with lines."""
    by_hall: dict[int, list[Line]] = defaultdict(list)
    for line in lines:
        by_hall[line.hall_id].append(line)
    language = page_language()
    style, script = (url_for("static", filename=name) for name in ("muster.css", "muster.js"))
    yield (
        f'<!doctype html><html lang="{escape(language["tag"])}" dir="{escape(language["dir"])}">'
        f'<head><meta charset="utf-8"><meta name="robots" content="noindex"><title>{_("Muster")}'
        f'</title><link rel="stylesheet" href="{style}"><script src="{script}" defer></script>'
        f"</head><body><main>{_totals(muster, counts, now)}"
    )
    moments = Minutes(services().venue_clock)
    for hall in counts.halls:
        if hall.hall_id in by_hall:
            yield _hall(hall, by_hall[hall.hall_id], moments)
    yield "</main></body></html>"


def _totals(muster: Muster, counts: Counts, now: int) -> str:
    clock, as_of = services().venue_clock, _("as of")
    cells = "".join(
        f"<tr><td>{escape(main_name(hall.names))}</td><td class=n>{hall.missing}</td>"
        f"<td class=n>{hall.doubtful}</td><td class=n>{hall.help_missing}</td>"
        f"<td class=n>{hall.out}</td><td class=n>{hall.seen}</td>"
        f"<td>{_(words.SURENESS[hall.sureness])}{_unseen(hall)}</td></tr>"
        for hall in counts.halls
        if hall.listed or hall.unseen
    )
    heads = (
        _("Hall"),
        _("Not seen yet"),
        _("Doubtful"),
        _("Need help"),
        _("Left the hall"),
        _("Seen"),
        _("How sure"),
    )
    note = _("By the records. People who came in or went out without a scan are not in them.")
    return (
        f'<section><button type="button" class="print" id="print">{_("Print")}</button>'
        f"<h1>{_('Muster')} · {escape(muster.reason)}</h1>"
        f"<p>{_('Begun')} {clock.moment(muster.begun_at)} · {as_of} {clock.moment(now)}</p>"
        f"<p class=big>{_to_find(counts.total('missing'), counts.total('doubtful'))}</p>"
        f"<table><thead><tr>{''.join(f'<th>{head}</th>' for head in heads)}</tr></thead>"
        f"<tbody>{cells}</tbody></table>"
        f"<p>{note}</p>"
        "</section>"
    )


def _to_find(missing: int, doubtful: int) -> str:
    text = f"{_('Not seen yet')}: {missing}"
    if doubtful:
        text += f" · {_('Doubtful')}: {doubtful} ({_(words.DOUBT)})"
    return text


def _unseen(hall: HallCount) -> str:
    if not hall.unseen:
        return ""
    more = _("up to %(n)s more may be inside, not recorded", n=hall.unseen)
    return f"; {more}"


def _hall(hall: HallCount, lines: Sequence[Line], moments: Minutes) -> str:
    names = " · ".join(str(escape(name)) for name in both_names(hall.names).values())
    away = f" ({_('since')} {moments(hall.away_since)})" if hall.away_since else ""
    wheel = {key: _(text) for key, text in words.HELP.items()}
    state_words = {state: _(text) for state, text in words.STATES.items()}
    rows = []
    phones = any(line.phone for line in lines)
    for line in lines:
        phone = f"<td class=n>{escape(line.phone)}</td>" if phones else ""
        mark = "☑" if line.state is State.SEEN else "☐"
        remarks = [f"<b>{wheel.get(line.help, '')}</b>"] if line.help else []
        if line.state is not State.MISSING and line.at is not None:
            word = state_words[line.state]
            remarks.append(f"{word} {moments(line.at)} {escape(line.point)}")
        if line.sureness is not hall.sureness:
            remarks.append(_(words.SURENESS[line.sureness]))
        if line.also_in is not None:
            remarks.append(_("entered another hall too"))
        if line.void_badge:
            remarks.append(_("a void badge of this person was seen"))
        rows.append(
            f"<tr><td class=c>{mark}</td><td>{escape(line.name) or '—'}</td>"
            f"<td>{escape(line.organisation)}</td>{phone}"
            f"<td class=k>{'—' if line.serial is None else badge_number(line.serial)}</td>"
            f"<td class=n>{moments(line.since)}</td><td>{'; '.join(remarks)}</td></tr>"
        )
    phone_head = (_("Telephone"),) if phones else ()
    heads = ("✓", _("Name"), _("Organisation"), *phone_head, _("Badge"), _("Since"), _("Remarks"))
    return (
        f"<section><h2>{names}</h2><p class=big>{_to_find(hall.missing, hall.doubtful)}</p>"
        f"<p>{_(words.SURENESS[hall.sureness])}{away}{_unseen(hall)}"
        f"{_('. ')}{_(words.EXPLAINED[hall.sureness])}</p>"
        f"<table><thead><tr>{''.join(f'<th>{head}</th>' for head in heads)}</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table></section>"
    )
