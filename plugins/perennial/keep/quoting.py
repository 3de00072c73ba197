"""Names and texts as SQL writes them, so that no declared name can break a statement."""

from __future__ import annotations

from collections.abc import Iterable


def name(identifier: str) -> str:
    """`identifier` as a quoted SQL name.

    >>> print(name('a "b" c'))
    "a ""b"" c"
    """
    return '"' + identifier.replace('"', '""') + '"'


def names(identifiers: Iterable[str], of: str = "") -> str:
    """A comma-separated list of quoted names, each of the table `of` when that is given.

    >>> print(names(["a", "b"], of="t"))
    t."a", t."b"
    """
    prefix = f"{of}." if of else ""
    return ", ".join(prefix + name(each) for each in identifiers)


def text(value: str) -> str:
    """`value` as a SQL text.

    >>> print(text("it's"))
    'it''s'
    """
    return "'" + value.replace("'", "''") + "'"


def texts(values: Iterable[str]) -> str:
    """A SQL list of texts.

    >>> print(texts(["a", "b"]))
    ['a', 'b']
    """
    return "[" + ", ".join(text(each) for each in values) + "]"
