import json
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from server.console import count, event_option, opened, refuse, wall_clock
from server.core.event.calendar import Clock
from server.core.venue import fields as venue_fields
from server.core.venue.fields import ValueRefusedError
from server.features.rehearsal import answer_text, report
from server.features.rehearsal.places import AskedError
from server.features.rehearsal.would_enter import WouldEnter
from server.features.rehearsal.would_enter import would_enter as ask
from server.storage.connection import Connection


@click.command("would-enter")
@click.argument("person", metavar="PERSON")
@click.argument("place", metavar="HALL|DOOR")
@event_option
@click.option("--at", "when", help='Local time such as "2026-05-25 14:00"; now if absent.')
@click.option("--as-now", is_flag=True, help="Use the people inside and the free places as of now.")
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
            forecast = ask(db, event, person, place, at, as_now=as_now, issue=issue)
        except AskedError as error:
            raise refuse(str(error)) from None
        if as_json:
            click.echo(
                json.dumps(answer_text.as_json(db, forecast, clock), ensure_ascii=False, indent=2)
            )
        else:
            _say(db, forecast, clock)


def _instant(text: str, zone: ZoneInfo) -> int:
    try:
        return int(venue_fields.local_time(zone)(text))
    except ValueRefusedError as error:
        raise refuse(f"--at {error}.") from None


def _say(db: Connection, forecast: WouldEnter, clock: Clock) -> None:
    hall = forecast.place.hall
    where = " / ".join(hall.names.values()) or hall.code
    moment = f"{clock.day(forecast.at)} {clock.minute(forecast.at)}"
    click.echo(f"{forecast.person.name} ({forecast.person.number}) at {where}, {moment}:")
    for answer in forecast.answers:
        doors = f" at {', '.join(answer.doors)}" if answer.doors else ""
        click.echo(f"  {'Would be admitted' if answer.admitted else 'Would be denied'}{doors}")
        for language, explanation in answer.says.items():
            step = f" ({explanation.next_step})" if explanation.next_step else ""
            click.echo(f"    {language}: {explanation.word} · {explanation.reason}{step}")
    for about, text in answer_text.facts(db, forecast, clock):
        click.echo(f"  {about}: {text}")
    for sentence in answer_text.assumptions(forecast):
        click.echo(f"  Assumed: {sentence}")
    for sentence in answer_text.notes(forecast):
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
            rehearsal = report.rehearse(db, event, day, clock)
        except report.NoSuchDayError as error:
            raise refuse(str(error)) from None
    if as_json:
        click.echo(json.dumps(report.as_json(rehearsal, clock), ensure_ascii=False, indent=2))
        return
    crowd = rehearsal.day.crowd
    click.echo(
        f"{rehearsal.date}: {count(len(rehearsal.sessions), 'session')},"
        f" {count(crowd.people, 'attendee')}, {count(crowd.valid, 'badge')} valid"
        f" ({crowd.without_badge:,} not issued yet)."
    )
    for session in rehearsal.sessions if sessions else ():
        row, hall = session.row, session.hall
        click.echo(
            f"  {clock.minute(row.starts_at)} {row.code} in {hall.code}: may come"
            f" {session.may_come:,}, invited {session.invited:,},"
            f" expected {session.expected:,}, capacity {hall.capacity:,}"
        )
    for finding in rehearsal.findings:
        more = ", …" if finding.people > len(finding.examples) else ""
        named = f": {', '.join(finding.examples)}{more}" if finding.examples else ""
        click.echo(f"- {finding.sentence}{named}.")
    click.echo(f"{count(len(rehearsal.findings), 'finding')}. Assumed:")
    for sentence in report.ASSUMED:
        click.echo(f"  {sentence}")
