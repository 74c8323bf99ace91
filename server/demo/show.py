"""Runs the demo, from an empty directory to the summary and the open pages."""

import json
import socket
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from badges.printing.card import CardError, render_pdf
from badges.printing.look import Look
from server.app.new_event import FIRST_ADMIN
from server.console import count, progress, wall_clock
from server.core.event.directory import Event
from server.core.people import cards, issuing, phone_links
from server.core.people.attendees import find_attendees
from server.core.programme.counts import forum_counts
from server.demo import phone, play, postgres
from server.demo.crowd_doors import CrowdStage, make_crowd
from server.demo.forum.forum import DAYS, DOORS, HALLS, NAME, WEBCAM_DOOR, Forum, make_forum
from server.demo.forum.people import CAST_SIZE
from server.demo.judge import Answer
from server.demo.network_link import Link
from server.demo.processes import Children
from server.demo.report import as_json, forum_lines, phone_json, phone_line, summary
from server.demo.script import Script
from server.demo.stage import Kiosk, Stage
from server.storage.database import Database

HOST = "127.0.0.1"
LINK_S = 20.0
CHECK_S = 1.0
TWO_SERVERS = "it knows one server, and here one of two is killed."


@dataclass
class Show:
    """`good` is the result."""

    place: Path
    seed: int
    people: int
    camera: str | None
    once: bool
    json_line: bool
    postgresql: bool = False
    crowd: bool = True
    good: bool = False
    phoneless: str = ""  # why there is no phone among the doors

    def run(self) -> None:
        """Raises StageError if the server or a kiosk fails."""
        self.phoneless = TWO_SERVERS if self.postgresql else phone.missing()
        if self.phoneless:
            click.echo(f"No phone is among the doors: {self.phoneless}")
        for name in ("films", "kiosks", "logs"):
            (self.place / name).mkdir()
        with ExitStack() as stack:
            engine = stack.enter_context(Children(self.place / "logs"))
            url = stack.enter_context(postgres.running(engine)) if self.postgresql else None
            self._perform(stack, url)

    def _perform(self, stack: ExitStack, url: str | None) -> None:
        """Create the event, in PostgreSQL if there is a `url`, and play it."""
        forum = make_forum(self.seed, self.people, wall_clock())
        event, password, script = self._prepare(forum, url)
        films = self._draw(script)
        doors = [*DOORS, WEBCAM_DOOR] if self.camera else list(DOORS)
        database = stack.enter_context(Database(event.database_path))
        server = (HOST, event.settings.port)
        kiosks = stack.enter_context(play.kiosks_at(doors, self.place / "kiosks", server))
        children = stack.enter_context(Children(self.place / "logs"))
        stage = Stage(event, database, children)
        _open(stage, kiosks, [free_port()] if self.postgresql else [])
        pages = {} if self.once else {kiosk.door: free_port() for kiosk in kiosks}
        if self.camera:
            _run_webcam(stage, kiosks[-1], self.camera, pages[WEBCAM_DOOR])
        performance = play.Play(script, stage, children, kiosks[: len(DOORS)], forum.time_zone)
        performance.kills = self.postgresql
        if not self.phoneless:
            performance.phone = phone.Phone(self.place / "phone", event)
        verdict = performance.perform(films, pages)
        self.good = verdict.good
        discrepancies = stage.discrepancies()
        lines = summary(verdict, play.RULES, discrepancies, stage.after_moves())
        lines.insert(-1, phone_line(script, verdict, self.phoneless))
        counts = forum_counts(database.reader, event.settings)
        click.echo("\n" + "\n".join([*lines, "", *forum_lines(counts)]))
        if performance.killed is not None:
            stage.start_server(performance.killed)
        if not self.once:
            click.echo("\nThe films begin again, for the pages alone: nothing more is judged.")
            performance.go_on(films, pages)
            click.echo("\n" + "\n".join(_pages(event, password, kiosks)))
            click.echo("\n" + "\n".join(self._own_badge(event, database, forum)))
            crowd = self._crowd(stack, event, database, children, forum) if self.crowd else None
        if self.json_line:
            told_in_json = as_json(verdict, discrepancies) | {
                "phone": phone_json(script, verdict, self.phoneless), "forum": asdict(counts),
            }  # fmt: skip
            click.echo(json.dumps(told_in_json, ensure_ascii=False))
        if not self.once:
            _until_ctrl_c(children, crowd)

    def _crowd(
        self, stack: ExitStack, event: Event, database: Database, children: Children, forum: Forum
    ) -> CrowdStage:
        """Open the crowd's doors. A door is cut off where one server serves all."""
        cast = frozenset(person.external_id for person in forum.people if person.part)
        link = None
        if not self.postgresql:
            link = stack.enter_context(Link((HOST, event.settings.port)))
        crowd = make_crowd(database, cast)
        people = count(len(crowd.guests), "other person comes", "other people come")
        click.echo(f"\n{people} to {len(crowd.halls)} halls, at doors without cameras.")
        return CrowdStage(event, database, children, self.place / "kiosks", crowd, link)

    def _prepare(self, forum: Forum, url: str | None) -> tuple[Event, str, Script]:
        click.echo(
            f"{NAME['en']} / {NAME['zh']}, seed {self.seed}:"
            f" {count(self.people, 'person', 'people')}, {HALLS} halls, {DAYS} days"
        )
        return play.prepare(
            self.place / "event", forum, HOST, free_port(), wall_clock(), url,
            phone=not self.phoneless,
        )  # fmt: skip

    def _draw(self, script: Script) -> dict[str, Path]:
        click.echo(f"Drawing films of {script.presentations} badges and codes held up to cameras")
        with progress("Films", script.presentations) as tell:
            return play.draw(
                self.place / "films", script, self.seed, lambda done, total: tell(done)
            )

    def _own_badge(self, event: Event, database: Database, forum: Forum) -> list[str]:
        person = next(
            candidate for candidate in forum.people[CAST_SIZE:] if candidate.category == "delegate"
        )
        return own_badge(event, database, person.external_id, self.place / "badge.pdf")


def own_badge(event: Event, database: Database, external_id: str, path: Path) -> list[str]:
    """Write a badge as PDF, and return the lines about it."""
    db = database.reader
    people, _ = find_attendees(db, external_id, limit=1)
    badge = issuing.current_badge(db, people[0].serial)
    token = phone_links.token(db, event, badge)
    lines = [f"A badge on a phone   {event.settings.phones_at}/b/{token}"]
    try:
        card = cards.card(db, event, badge)
        path.write_bytes(render_pdf([card], Look(NAME["en"])))
    except CardError as error:
        return [*lines, f"It can't be printed here: {error}"]
    return [*lines, f"The same to print    {path}"]


def free_port() -> int:
    with socket.create_server((HOST, 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _open(stage: Stage, kiosks: list[Kiosk], more: list[int]) -> None:
    stage.serve(*more)
    for kiosk in kiosks:
        words = stage.enrol(kiosk)
        click.echo(f"Kiosk {kiosk.name} is enrolled; both screens show: {words}")
    click.echo()


def _run_webcam(stage: Stage, kiosk: Kiosk, camera: str, port: int) -> None:
    """Run the webcam's door. Its answers are printed, not judged."""

    def say(answer: Answer) -> None:
        click.echo(f"          {kiosk.door}, before your camera: {answer.word.replace('_', ' ')}")

    stage.run(kiosk, camera, say, "--port", str(port))


def _pages(event: Event, password: str, kiosks: Sequence[Kiosk]) -> list[str]:
    """Return the addresses. A kiosk's link opens its screen for one browser."""
    return [
        f"Admin's pages        {event.settings.public_address}/   (browsers warn once: the"
        " certificate is the event's own)",
        f"  name {FIRST_ADMIN}, password {password}",
        *(f"Door {kiosk.door:<15} {_screen_link(kiosk)}" for kiosk in kiosks),
        "Stop with Ctrl-C.",
    ]


def _screen_link(kiosk: Kiosk) -> str:
    """Return the link that `hallkeeper-kiosk link` prints, once the kiosk serves its screen."""
    link = kiosk.directory / "screen.link"
    deadline = time.monotonic() + LINK_S
    while not link.exists() and time.monotonic() < deadline:
        time.sleep(CHECK_S)
    return link.read_text("utf-8").strip()


def _until_ctrl_c(children: Children, crowd: CrowdStage | None) -> None:
    checked = time.monotonic()
    try:
        while True:
            if crowd is None:
                time.sleep(CHECK_S)
            else:
                crowd.step(click.echo)
            if time.monotonic() >= checked + CHECK_S:
                children.check()
                checked = time.monotonic()
    except KeyboardInterrupt:
        # on standard error, so that the JSON stays the last line of the output
        click.echo("Stopped.", err=True)
