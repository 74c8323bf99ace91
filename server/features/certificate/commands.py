from pathlib import Path

import click
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from badges.cli.console import AbsolutePath
from server.console import BY, Commands, event_option, opened, refuse, wall_clock
from server.core.event import served
from server.core.event.certificate import spki_sha256
from server.core.event.directory import load_event
from server.features.certificate import installing


@click.group(cls=Commands)
def certificate() -> None:
    """Show the server's certificate, or install one from a public authority.

    With the event's own certificate browsers warn, and phones don't keep badges for use offline.
    """


@certificate.command()
@event_option
def show(event_dir: Path) -> None:
    """Show the server's certificate: its subject, names and expiry."""
    event = load_event(event_dir)
    current = served.served(event)
    whose = "installed" if event.has_installed_certificate else "the event's own"
    _tell(current, whose)
    if not served.is_for(current, event.settings.public_host):
        click.echo(
            f"Warning: phones open {event.settings.public_host}, which it is not for.", err=True
        )
    words = served.until(current, wall_clock())
    if words:
        click.echo(f"Warning: {words}", err=True)


@certificate.command()
@click.argument("cert", type=AbsolutePath(), required=False)
@click.argument("key", type=AbsolutePath(), required=False)
@click.argument("chain", type=AbsolutePath(), required=False)
@click.option("--self-signed", is_flag=True, help="Serve the event's own certificate again.")
@event_option
def install(
    cert: Path | None, key: Path | None, chain: Path | None, self_signed: bool, event_dir: Path
) -> None:
    """Serve the certificate CERT with its private KEY, both PEM, from the next start on.

    CHAIN has the intermediate certificates that CERT lacks. Enrolled kiosks follow the change
    automatically.
    """
    if self_signed != (cert is None) or (cert is not None and key is None):
        raise refuse("name CERT and KEY, or --self-signed alone")
    with opened(event_dir) as (event, database):
        checked = None
        if cert is not None and key is not None:
            checked = served.read_certificate(cert, key, chain, event.settings, wall_clock())
        elif not event.has_installed_certificate:
            raise refuse("the event's own certificate is served already")
        event = installing.install(event, database, checked, by=BY, now=wall_clock())
        current = served.served(event)
    _tell(current, "installed" if checked else "the event's own")
    for warning in checked.warnings if checked else ():
        click.echo(f"Warning: {warning}", err=True)
    click.echo("Start the server again, or send it SIGHUP, to serve it. Kiosks follow.")


def _tell(shown: x509.Certificate, whose: str) -> None:
    key = spki_sha256(shown.public_bytes(Encoding.PEM)).hex(":").upper()
    click.echo(
        f"Certificate   {whose}\n"
        f"  subject     {shown.subject.rfc4514_string() or '(none)'}\n"
        f"  issuer      {shown.issuer.rfc4514_string()}\n"
        f"  for         {', '.join(served.names_of(shown))}\n"
        f"  good        {shown.not_valid_before_utc:%Y-%m-%d} to "
        f"{shown.not_valid_after_utc:%Y-%m-%d}\n"
        f"  SHA-256     {shown.fingerprint(hashes.SHA256()).hex(':').upper()}\n"
        f"  public key  {key}"
    )
