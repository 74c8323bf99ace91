"""Finds and fills the mail templates of each language.

A template's first line is the subject. The event's folder `mail` overrides ours.
`message.values_of` lists the placeholders.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

import jinja2
from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError
from jinja2.sandbox import SandboxedEnvironment

from badges.i18n import N_
from server.core.event.directory import MAIL_FOLDER
from server.features.mail.settings import MailError, read_text

INVITE = "invite"
FALLBACK = "en"
SHIPPED = Path(__file__).with_name("messages")
_SUBJECT = "Subject:"
SUBJECT_CHARS_MAX = 200


@dataclass(frozen=True)
class Template:
    language: str
    text: str
    html: str
    place: str


@dataclass(frozen=True)
class Filled:
    subject: str
    text: str
    html: str


def find_template(event_dir: Path, name: str, language: str) -> Template:
    """Return a language's template, else the English one. Raises MailError."""
    for wanted in filter(None, dict.fromkeys((language, language.partition("-")[0], FALLBACK))):
        for folder in (event_dir / MAIL_FOLDER, SHIPPED):
            path = folder / f"{name}.{wanted}.txt"
            if path.is_file():
                html = path.with_suffix(".html")
                html_text = read_text(html) if html.is_file() else ""
                return Template(wanted, read_text(path), html_text, str(path))
    raise MailError(
        N_("There is no template %(name)s: write %(path)s."),
        name=repr(name),
        path=event_dir / MAIL_FOLDER / f"{name}.en.txt",
    )


def fill(template: Template, values: Mapping[str, str]) -> Filled:
    """Fill a template's placeholders. Raises MailError with the template's place."""
    text = _filled(template.text, values, template.place, html=False)
    first, _, rest = text.partition("\n")
    if not first.startswith(_SUBJECT):
        raise MailError(N_("%(place)s: the first line must be `Subject: …`."), place=template.place)
    # A name may contain line breaks; a subject must not.
    subject = " ".join(first.removeprefix(_SUBJECT).split())[:SUBJECT_CHARS_MAX]
    subject = "".join(char for char in subject if char.isprintable())
    if not subject or not rest.strip():
        raise MailError(
            N_("%(place)s: the subject or the text below it is empty."), place=template.place
        )
    html_place = template.place.removesuffix(".txt") + ".html"
    html = _filled(template.html, values, html_place, html=True) if template.html else ""
    return Filled(subject, rest.strip("\n") + "\n", html)


@cache
def _environment(html: bool) -> SandboxedEnvironment:
    return SandboxedEnvironment(
        autoescape=html, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )


@lru_cache(maxsize=50)
def _compiled(source: str, html: bool) -> jinja2.Template:
    """Compile a template and cache it: compiling takes longer than a mail.

    Raises TemplateSyntaxError.
    """
    return _environment(html).from_string(source)


def _filled(source: str, values: Mapping[str, str], place: str, *, html: bool) -> str:
    try:
        return _compiled(source, html).render(values)
    except TemplateSyntaxError as error:
        raise MailError(
            N_("%(place)s, line %(lineno)s: %(message)s."),
            place=place,
            lineno=error.lineno,
            message=error.message,
        ) from None
    except TemplateError as error:
        names = ", ".join(values)
        raise MailError(
            N_("%(place)s: %(message)s. Known are %(known)s."),
            place=place,
            message=error.message,
            known=names,
        ) from None
    except (ValueError, TypeError, ArithmeticError, LookupError, AttributeError) as error:
        raise MailError(
            N_("%(place)s: %(name)s while it was filled."), place=place, name=type(error).__name__
        ) from None
