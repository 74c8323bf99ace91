from pathlib import Path
from signal import SIGINT, SIGTERM

import click

from badges.credential.badge_number import badge_number
from server.console import (
    BY,
    Commands,
    count,
    event_option,
    file_path,
    interrupts_noted,
    opened,
    progress,
    refuse,
    wall_clock,
)
from server.core.people.attendees import find_by_label
from server.core.venue.store import categories as categories_of
from server.features.mail import bounces, outbox, sending
from server.features.mail.message import Mail
from server.features.mail.outbox import Choice, Plan, State
from server.features.mail.sending import Run, Tally
from server.features.mail.settings import RATE_MAX, read_mail_settings
from server.features.mail.templates import INVITE
from server.storage.connection import Connection

SHOWN = 50
STATE_WORDS = {
    State.SENT: "sent",
    State.DELAYED: "delayed",
    State.REFUSED: "refused",
    State.BOUNCED: "came back",
    State.SENDING: "perhaps sent",
}
_TEMPLATE = click.option(
    "--template", default=INVITE, show_default=True, help="Its name in the folder mail."
)


@click.group(cls=Commands)
def mail() -> None:
    """Send attendees their badges by mail (docs/mail.md)."""


@mail.command()
@event_option
@click.option("--category", "categories", multiple=True, help="Only these; once or more.")
@click.option("--organisation", "organisations", multiple=True, help="Only these.")
@click.option("--attendee", "attendees", multiple=True, metavar="NUMBER", help="Only these people.")
@click.option("--not-mailed", is_flag=True, help="Only people who never got one.")
@click.option("--changed", is_flag=True, help="Only those whose badge or address is another now.")
@click.option("--resend-uncertain", is_flag=True, help="Also people who perhaps got one.")
@click.option(
    "--again", is_flag=True, help=("With --attendee: once more, regardless of earlier mails.")
)
@click.option("--dry-run", is_flag=True, help="Show the plan without sending.")
@click.option("--limit", type=click.IntRange(1, 1_000_000), help="At most so many now.")
@click.option("--rate", type=click.IntRange(1, RATE_MAX), help="Mails a minute.")
@_TEMPLATE
def invite(
    event_dir: Path,
    categories: tuple[str, ...],
    organisations: tuple[str, ...],
    attendees: tuple[str, ...],
    not_mailed: bool,
    changed: bool,
    resend_uncertain: bool,
    again: bool,
    dry_run: bool,
    limit: int | None,
    rate: int | None,
    template: str,
) -> None:
    """Send each attendee the link and the code of their badge, once.

    Run it again to continue, and after badges were added or replaced.
    """
    if not_mailed and changed:
        raise refuse("--not-mailed and --changed exclude each other: give one of them.")
    if again and not attendees:
        raise refuse("--again goes with --attendee.")
    with opened(event_dir) as (event, database):
        settings = read_mail_settings(event.path)
        with database.reading() as db:
            choice = Choice(
                template,
                categories=_categories(db, categories),
                organisations=organisations,
                serials=frozenset(find_by_label(db, label) for label in attendees),
                not_mailed=not_mailed,
                changed=changed,
                resend_uncertain=resend_uncertain,
                again=again,
            )
            plan = outbox.plan(db, choice)
            first = sending.first_mail(db, event, settings, choice, plan, wall_clock())
        _say_plan(plan, limit)
        if dry_run:
            _show(first)
            return
        with interrupts_noted(SIGINT, SIGTERM) as stop, progress("Sending", len(plan.due)) as tell:
            done = sending.send(
                Run(
                    event, database, settings, choice, by=BY, now=wall_clock, limit=limit,
                    rate_per_min=rate or settings.rate_per_min, stop=stop,
                    tell=lambda tally: tell(tally.done, tally.due),
                )
            )  # fmt: skip
    _say_done(done)


@mail.command()
@event_option
@_TEMPLATE
def status(event_dir: Path, template: str) -> None:
    """Show how many mails were sent, and which failed, with the mail server's answer."""
    with opened(event_dir) as (_, database), database.reading() as db:
        totals = outbox.counts(db, template)
        states = (State.REFUSED, State.BOUNCED, State.DELAYED, State.SENDING)
        others = outbox.mails_in(db, template, states, SHOWN)
    click.echo(", ".join(f"{totals[state]:,} {words}" for state, words in STATE_WORDS.items()))
    for failure in others:
        state = STATE_WORDS[failure.state]
        click.echo(f"  {badge_number(failure.serial)}  {state}: {failure.answer or '-'}")
    more = sum(totals[state] for state in states) - len(others)
    if more > 0:
        click.echo(f"  … and {more:,} more")


@mail.command("bounces")
@event_option
@click.argument("file", type=file_path)
def read_bounces(event_dir: Path, file: Path) -> None:
    """Read which mails bounced, from the mailbox FILE (mbox, or one message)."""
    with opened(event_dir) as (_, database):
        reports = list(bounces.reports_in(file))
        now = wall_clock()
        result = database.write(lambda db: bounces.note_bounces(db, reports, by=BY, now=now))
    click.echo(
        f"{count(result.bounced, 'mail')} came back. {result.earlier:,} were known already or"
        f" belong to another event; {count(result.others, 'message')} reported no failure."
    )


def _categories(db: Connection, keys: tuple[str, ...]) -> tuple[int, ...]:
    codes = {category.key: category.code for category in categories_of(db)}
    for key in keys:
        if key not in codes:
            raise refuse(f"there is no category {key!r}; there are {', '.join(codes)}.")
    return tuple(codes[key] for key in keys)


def _say_plan(plan: Plan, limit: int | None) -> None:
    now = len(plan.due) if limit is None else min(limit, len(plan.due))
    summary = f"{count(now, 'mail')} to send"
    if now < len(plan.due):
        summary += f" of {len(plan.due):,} that are due"
    click.echo(
        f"{summary}. {plan.done:,} already sent, {plan.no_address:,} people have no address,"
        f" {plan.no_badge:,} no badge, {plan.no_link:,} a link that is revoked."
    )
    if plan.uncertain:
        click.echo(
            f"To {count(plan.uncertain, 'person', 'people')} a mail was perhaps sent, when sending"
            " broke off. They get none, unless with --resend-uncertain."
        )


def _show(first: Mail | None) -> None:
    if first is None:
        click.echo("Nothing would be sent.")
        return
    click.echo("Nothing was sent. The first mail is:\n")
    for name, value in first.message.items():
        click.echo(f"{name}: {value}")
    body = first.message.get_body(("plain",))
    assert body is not None
    click.echo(f"\n{body.get_content()}")
    kinds = [part.get_content_type() for part in first.message.walk() if not part.is_multipart()]
    click.echo(f"({first.language}; its parts: {', '.join(kinds)})")


def _say_done(done: Tally) -> None:
    click.echo(
        f"Sent {count(done.sent, 'mail')}. {done.delayed:,} delayed, {done.refused:,} refused,"
        f" {done.uncertain:,} perhaps sent."
    )
    if done.done < done.due:
        click.echo(f"{done.due - done.done:,} are still to send: run it again.")
    if done.delayed:
        click.echo("Run it again in a quarter of an hour for those that are delayed.")
    if done.refused or done.uncertain:
        click.echo("`hallkeeper mail status` names them.")
