"""Operations that work on plain numbers, on z3's terms and on the text of a formula alike.

So a step is written once. `+`, `-` and comparisons are the values' own operators. Python's `and`,
`or`, `not`, `if` and `min` cannot be overloaded, so these are functions here.
"""

from typing import Any

Value = Any  # an int, a bool, a z3 term, or a Text


class Text:
    """A formula as text. Its words for and, or, not are those of Python."""

    AND, NOT = " and ", "not "

    def __init__(self, text: str) -> None:
        self.text = text

    def __add__(self, other: Value) -> "Text":
        return self._joined(self, "+", other)

    def __radd__(self, other: Value) -> "Text":
        return self._joined(other, "+", self)

    def __sub__(self, other: Value) -> "Text":
        return self._joined(self, "-", other)

    def __rsub__(self, other: Value) -> "Text":
        return self._joined(other, "-", self)

    def __le__(self, other: Value) -> "Text":
        return self._joined(self, "<=", other)

    def __ge__(self, other: Value) -> "Text":
        return self._joined(self, ">=", other)

    def __lt__(self, other: Value) -> "Text":
        return self._joined(self, "<", other)

    def __gt__(self, other: Value) -> "Text":
        return self._joined(self, ">", other)

    def __eq__(self, other: Value) -> "Text":  # type: ignore[override]
        return self._joined(self, "==", other)

    __hash__ = None  # type: ignore[assignment]

    def chosen(self, yes: Value, no: Value) -> "Text":
        return type(self)(f"({written(yes)} if {self.text} else {written(no)})")

    def _joined(self, left: Value, operator: str, right: Value) -> "Text":
        return type(self)(f"({written(left)} {operator} {written(right)})")


class PromelaText(Text):
    AND, NOT = " && ", "!"

    def chosen(self, yes: Value, no: Value) -> "PromelaText":
        return type(self)(f"({self.text} -> {written(yes)} : {written(no)})")


def written(value: Value) -> str:
    return value.text if isinstance(value, Text) else str(int(value))


def both(*conditions: Value) -> Value:
    """All of them."""
    open_ones = [each for each in conditions if not isinstance(each, bool)]
    if not all(each for each in conditions if isinstance(each, bool)):
        return False
    if not open_ones:
        return True
    if isinstance(open_ones[0], Text):
        text = type(open_ones[0])
        return text(f"({text.AND.join(each.text for each in open_ones)})")
    import z3

    return z3.And(*open_ones)


def negated(condition: Value) -> Value:
    if isinstance(condition, bool):
        return not condition
    if isinstance(condition, Text):
        return type(condition)(f"({condition.NOT}{condition.text})")
    import z3

    return z3.Not(condition)


def either(*conditions: Value) -> Value:
    """At least one of them."""
    return negated(both(*(negated(each) for each in conditions)))


def implies(condition: Value, then: Value) -> Value:
    return either(negated(condition), then)


def choose(condition: Value, yes: Value, no: Value) -> Value:
    if isinstance(condition, bool):
        return yes if condition else no
    if isinstance(condition, Text):
        return condition.chosen(yes, no)
    import z3

    return z3.If(condition, yes, no)


def least(first: Value, second: Value) -> Value:
    return choose(first <= second, first, second)


def most(first: Value, second: Value) -> Value:
    return choose(first >= second, first, second)
