"""The commands `hallkeeper would-enter` and `hallkeeper rehearse`."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from server.console import count, event_option, opened, refuse, wall_clock
from server.core.event.calendar import Clock
from server.core.venue import fields as venue_fields
from server.core.venue.fields import ValueRefusedError
from server.features.rehearsal import report, told
from server.features.rehearsal.places import AskedError
from server.features.rehearsal.would_enter import WouldEnter
from server.features.rehearsal.would_enter import would_enter as ask
from server.storage.connection import Connection


@click.command("would-enter")
@click.argument("person", metavar="PERSON")
@click.argument("place", metavar="HALL|DOOR")
@event_option
@click.option("--at", "when", help='Local time such as "2026-05-25 14:00"; now if absent.')
@click.option(
    "--as-now", is_flag=True, help="Take who is inside, and how many places are free, as now."
)
@click.option(
    "--issue", type=click.IntRange(1, 255), help="The badge's issue; the newest if absent."
)
@click.option("--json", "as_json", is_flag=True, help="Print all of it as JSON.")
def would_enter(
    person: str,
    place: str,
    event_dir: Path,
    when: str | None,
    as_now: bool,
    issue: int | None,
    as_json: bool,
) -> None:
    """Show what the doors of HALL, or one DOOR, would answer PERSON. No one is admitted.

    PERSON is a badge number, an external id, an e-mail or a name. HALL and DOOR are codes or names.
    The answer follows the same rules as the doors.
    """
    with opened(event_dir) as (event, database), database.reading() as db:
        clock = Clock(ZoneInfo(event.settings.time_zone))
        at = wall_clock() if when is None else _instant(when, clock.zone)
        try:
            found = ask(db, event, person, place, at, as_now=as_now, issue=issue)
        except AskedError as error:
            raise refuse(str(error)) from None
        if as_json:
            click.echo(json.dumps(told.as_json(db, found, clock), ensure_ascii=False, indent=2))
        else:
            _say(db, found, clock)


def _instant(text: str, zone: ZoneInfo) -> int:
    try:
        return int(venue_fields.local_time(zone)(text))
    except ValueRefusedError as error:
        raise refuse(f"--at {error}.") from None


def _say(db: Connection, found: WouldEnter, clock: Clock) -> None:
    hall = found.place.hall
    where = " / ".join(hall.names.values()) or hall.code
    moment = f"{clock.day(found.at)} {clock.minute(found.at)}"
    click.echo(f"{found.person.name} ({found.person.number}) at {where}, {moment}:")
    for answer in found.answers:
        doors = f" at {', '.join(answer.doors)}" if answer.doors else ""
        click.echo(f"  {'Would be admitted' if answer.admitted else 'Would be denied'}{doors}")
        for language, said in answer.says.items():
            step = f" ({said.next_step})" if said.next_step else ""
            click.echo(f"    {language}: {said.word} · {said.reason}{step}")
    for about, text in told.facts(db, found, clock):
        click.echo(f"  {about}: {text}")
    for sentence in told.assumptions(found):
        click.echo(f"  Assumed: {sentence}")
    for sentence in told.notes(found):
        click.echo(f"Note: {sentence}", err=True)


@click.command()
@event_option
@click.option(
    "--day",
    "wanted",
    type=click.DateTime(["%Y-%m-%d"]),
    help="Of the event; tomorrow if absent.",
)
@click.option("--sessions", is_flag=True, help="List every session with how many may come.")
@click.option("--json", "as_json", is_flag=True, help="Print all of it as JSON.")
def rehearse(event_dir: Path, wanted: datetime | None, sessions: bool, as_json: bool) -> None:
    """Simulate a day by the doors' rules, and list what would go wrong.

    No one is admitted and nothing is written. It finds sessions that admit no one, overlaps, guests
    whom no door would admit, and crowds above a hall's capacity. The exit status is 0 even with
    findings.
    """
    with opened(event_dir) as (event, database), database.reading() as db:
        clock = Clock(ZoneInfo(event.settings.time_zone))
        day = wanted.date() if wanted else clock.local(wall_clock()).date() + timedelta(days=1)
        try:
            found = report.rehearse(db, event, day, clock)
        except report.NoSuchDayError as error:
            raise refuse(str(error)) from None
    if as_json:
        click.echo(json.dumps(report.as_json(found, clock), ensure_ascii=False, indent=2))
        return
    crowd = found.day.crowd
    click.echo(
        f"{found.date}: {count(len(found.sessions), 'session')},"
        f" {count(crowd.people, 'attendee')}, {count(crowd.valid, 'badge')} valid"
        f" ({crowd.without_badge:,} not issued yet)."
    )
    for one in found.sessions if sessions else ():
        click.echo(
            f"  {clock.minute(one.row.starts_at)} {one.row.code} in {one.hall.code}: may come"
            f" {one.may_come:,}, invited {one.invited:,}, expected {report.expected(one):,},"
            f" capacity {one.hall.capacity:,}"
        )
    for finding in found.findings:
        more = ", …" if finding.people > len(finding.examples) else ""
        named = f": {', '.join(finding.examples)}{more}" if finding.examples else ""
        click.echo(f"- {finding.sentence}{named}.")
    click.echo(f"{count(len(found.findings), 'finding')}. Assumed:")
    for sentence in report.ASSUMED:
        click.echo(f"  {sentence}")
