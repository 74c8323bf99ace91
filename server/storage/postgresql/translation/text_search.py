"""Text indexes of PostgreSQL with the same results as SQLite's FTS5.

An index covers an expression of type `tsvector`. Each word in it starts with a letter for its
column, so that a query can name columns. Words are split as in FTS5, not by PostgreSQL's parser.
"""

import re
from dataclasses import dataclass

from server.storage import schema

WORD_MAX = 500  # PostgreSQL's limit is 2,046 bytes.
_TABLE = re.compile(r"CREATE VIRTUAL TABLE (\w+) USING fts5 \((.*?)\);", re.DOTALL)
_ASKED = re.compile(r'\{([^}]*)\} :|"((?:[^"]|"")*)"(\*?)|AND|OR|\(|\)')
_BETWEEN_WORDS = re.compile(r"[\x00-/:-@\[-`{-\x7f]+")
_NOTHING = "'@'"  # matches no word


@dataclass(frozen=True)
class TextIndex:
    name: str
    table: str
    key: str
    columns: tuple[str, ...]
    of_threes: bool

    @property
    def expression(self) -> str:
        function = "threes_of" if self.of_threes else "words_of"
        return f"{function}(ARRAY[{', '.join(self.columns)}])"

    @property
    def definition(self) -> str:
        return f"CREATE INDEX {self.name} ON {self.table} USING gin ({self.expression})"

    def asked(self, question: str) -> str:
        columns: tuple[str, ...] = self.columns
        pieces = []
        for token in _ASKED.finditer(question):
            if token[1] is not None:
                columns = tuple(token[1].split())
            elif token[2] is not None:
                pieces.append(self._word(token[2].replace('""', '"'), bool(token[3]), columns))
                columns = self.columns
            else:
                pieces.append({"AND": "&", "OR": "|"}.get(token[0], token[0]))
        return " ".join(pieces)

    def _word(self, text: str, begins: bool, columns: tuple[str, ...]) -> str:
        if self.of_threes:
            threes = [text[at : at + 3] for at in range(len(text) - 2)]
            return f"({' & '.join(map(_quoted, threes)) or _NOTHING})"
        pieces = [piece[:WORD_MAX] for piece in _BETWEEN_WORDS.split(_small(text)) if piece]
        letters = [chr(65 + self.columns.index(column)) for column in columns]
        star = ":*" if begins else ""
        each = (
            " | ".join(f"{_quoted(letter + piece)}{star}" for letter in letters) for piece in pieces
        )
        return f"({' & '.join(f'({alternatives})' for alternatives in each) or _NOTHING})"


def _small(text: str) -> str:
    return "".join(letter.lower() if letter.isascii() else letter for letter in text)


def _quoted(text: str) -> str:
    doubled = text.replace("\\", "\\\\").replace("'", "''")
    return f"'{doubled}'"


def text_index(name: str, definition: str) -> TextIndex:
    columns, options = [], {}
    for part in definition.split(","):
        option, _, value = part.partition("=")
        if value:
            options[option.strip()] = value.strip().strip("'")
        else:
            columns.append(option.strip())
    threes = {"ascii": False, "trigram": True}[options["tokenize"]]
    return TextIndex(name, options["content"], options["content_rowid"], tuple(columns), threes)


# Those of schema.sql, by name. A later step with another index adds it here.
INDEXES = {name: text_index(name, definition) for name, definition in _TABLE.findall(schema.TABLES)}
