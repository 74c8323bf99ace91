"""Converts a schedule in XML to the JSON's shape.

The parser refuses a DOCTYPE, so no entity is declared, expanded or fetched. Depth and size are
limited.
"""

from typing import Any
from xml.parsers import expat

from badges.i18n import N_, Count, Spoken, phrase_of

DEPTH_MAX = 20
ELEMENTS_MAX = 500_000
_LISTS = {"persons": "person", "links": "link", "attachments": "attachment"}


class XmlRefusedError(Spoken, ValueError):
    """XML that can't be read."""


class _Node:
    def __init__(self, tag: str, values: dict[str, str]) -> None:
        self.tag = tag
        self.values = values
        self.text: list[str] = []
        self.children: list[_Node] = []

    @property
    def content(self) -> str:
        return "".join(self.text).strip()


def read_xml(data: bytes) -> dict[str, Any]:
    """Return the conference as in JSON. Raises XmlRefusedError."""
    root = _tree(data)
    if root.tag != "schedule":
        raise XmlRefusedError(
            N_("begins with <%(tag)s> and not with <schedule>"), tag=root.tag[:40]
        )
    heads = [child for child in root.children if child.tag == "conference"]
    conference: dict[str, Any] = {}
    for head in heads[:1]:
        conference |= {child.tag: child.content for child in head.children}
    return {**conference, "days": [_day(child) for child in root.children if child.tag == "day"]}


def _day(node: _Node) -> dict[str, Any]:
    rooms: dict[str, list[dict[str, Any]]] = {}
    for room in node.children:
        if room.tag == "room":
            events = [_event(child) for child in room.children if child.tag == "event"]
            rooms.setdefault(room.values.get("name", ""), []).extend(events)
    return {
        "date": node.values.get("date", ""),
        "day_start": node.values.get("start", ""),
        "rooms": rooms,
    }


def _event(node: _Node) -> dict[str, Any]:
    event: dict[str, Any] = dict(node.values)
    for child in node.children:
        if child.tag in _LISTS:
            items = [item for item in child.children if item.tag == _LISTS[child.tag]]
            event[child.tag] = [{**item.values, "name": item.content} for item in items]
        elif child.children:
            event[child.tag] = [item.content for item in child.children if item.content]
        else:
            event[child.tag] = child.content
    return event


def _tree(data: bytes) -> _Node:
    top = _Node("", {})
    open_nodes = [top]
    elements = 0

    def start(tag: str, values: dict[str, str]) -> None:
        if len(open_nodes) > DEPTH_MAX:
            raise XmlRefusedError(
                N_("has elements nested in over %(most)s others: it is not a schedule"),
                most=DEPTH_MAX,
            )
        nonlocal elements
        elements += 1
        if elements > ELEMENTS_MAX:
            raise XmlRefusedError(
                N_("has over %(most)s elements: split it"), most=Count(ELEMENTS_MAX)
            )
        node = _Node(tag, values)
        open_nodes[-1].children.append(node)
        open_nodes.append(node)

    def doctype(*_: object) -> None:
        raise XmlRefusedError(N_("has a DOCTYPE, which is not allowed: remove it"))

    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = start
    parser.EndElementHandler = lambda tag: open_nodes.pop()
    parser.CharacterDataHandler = lambda text: open_nodes[-1].text.append(text)
    parser.StartDoctypeDeclHandler = doctype
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise XmlRefusedError(N_("is not XML: %(why)s"), why=phrase_of(error)) from None
    except (LookupError, ValueError) as error:
        if isinstance(error, XmlRefusedError):
            raise
        raise XmlRefusedError(
            N_("is not XML in a supported encoding: %(why)s"), why=phrase_of(error)
        ) from None
    return top.children[0]
