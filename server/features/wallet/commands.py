from datetime import UTC, datetime
from pathlib import Path

import click

from server.console import BY, Commands, event_option, file_path, opened, wall_clock
from server.core.event.directory import load_event
from server.features.wallet import certificates, saving
from server.features.wallet.certificates import AppleSigner, WalletError, read_limited


@click.group(cls=Commands)
def wallet() -> None:
    """Let attendees keep their badge in Apple's or Google's wallet (docs/wallet.md)."""


@wallet.group(cls=Commands)
def install() -> None:
    """Install Apple's or Google's certificates and keys for signing passes, among the
    event's keys.
    """


@install.command("apple")
@event_option
@click.option("--certificate", type=file_path, required=True, help="PEM, DER or .p12.")
@click.option("--key", type=file_path, help="PEM; not needed with a .p12.")
@click.option(
    "--intermediate", type=file_path, required=True, help="Apple's (WWDR), which signed yours."
)
@click.option("--password-file", type=file_path, help="Holds the password of the key or .p12.")
def install_apple(
    event_dir: Path,
    certificate: Path,
    key: Path | None,
    intermediate: Path,
    password_file: Path | None,
) -> None:
    """Install a pass type certificate with its key, and Apple's intermediate certificate."""
    password = None
    if password_file is not None:
        password = read_limited(password_file).rstrip(b"\r\n")
    with opened(event_dir) as (event, database):
        signer, files = certificates.read_apple(
            read_limited(certificate),
            b"" if key is None else read_limited(key),
            read_limited(intermediate),
            password,
            wall_clock(),
        )
        saving.install(event, database, "Apple", files, by=BY, now=wall_clock())
    click.echo(f"Passes for Apple Wallet are signed from now on. {_validity(signer)}")


@install.command("google")
@event_option
@click.option("--key", type=file_path, required=True, help="The service account's key (JSON).")
@click.option("--issuer", required=True, help="The issuer's number, from the Wallet console.")
def install_google(event_dir: Path, key: Path, issuer: str) -> None:
    """Install the key of a service account that may issue passes of Google's wallet."""
    with opened(event_dir) as (event, database):
        signer, files = certificates.read_google(read_limited(key), issuer)
        saving.install(event, database, "Google", files, by=BY, now=wall_clock())
    click.echo(f"Links for Google Wallet are signed from now on, as {signer.account}.")


@wallet.command()
@event_option
def status(event_dir: Path) -> None:
    """Show the installed certificates and keys, and their expiry. Exit status 1 if anything is
    wrong.
    """
    event = load_event(event_dir)
    apple, google = certificates.apple_signer(event), certificates.google_signer(event)
    summary = f"{apple.pass_type}. {_validity(apple)}" if apple else "nothing is installed."
    click.echo(f"Apple:  {summary}")
    summary = f"issuer {google.issuer}, {google.account}" if google else "nothing is installed"
    click.echo(f"Google: {summary}.")
    trouble = certificates.trouble(event, wall_clock())
    if trouble:
        raise WalletError(trouble)


def _validity(signer: AppleSigner) -> str:
    ends = datetime.fromtimestamp(signer.ends_at / 1000, UTC)
    return f"The certificate is good until {ends:%Y-%m-%d}."
