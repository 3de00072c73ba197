"""Elements of SVG and HTML as text in which data cannot become markup."""

from __future__ import annotations

from markupsafe import Markup

Attribute = str | float | int | None


def tag(name: str, *inside: str, **attributes: Attribute) -> Markup:
    """One element; what is inside is escaped unless it is markup already.

    A trailing underscore is dropped from the name of an attribute, others become hyphens; None is
    left out; floats are written to two places.

    >>> tag("text", "a < b", class_="soft", text_anchor="end", x=1.0)
    Markup('<text class="soft" text-anchor="end" x="1">a &lt; b</text>')
    """
    pairs = [
        Markup(' {}="{}"').format(key.rstrip("_").replace("_", "-"), _plain(value))
        for key, value in attributes.items()
        if value is not None
    ]
    start, end = Markup("<" + name), Markup("</" + name + ">")  # noqa: S704 - names are ours
    return start + Markup("").join(pairs) + Markup(">") + Markup("").join(inside) + end


def breakable(name: str) -> Markup:
    """A long name, with places where a narrow screen may break it.

    >>> breakable("a_<b>")
    Markup('a_<wbr>&lt;b&gt;')
    """
    return Markup("_<wbr>").join(name.split("_"))


def percent(share: float) -> str:
    """A place along an axis, kept within it.

    >>> percent(0.5), percent(1.7)
    ('50%', '100%')
    """
    return f"{_plain(100 * min(1.0, max(0.0, share)))}%"


def _plain(value: Attribute) -> str:
    if isinstance(value, float):
        return f"{value:.2f}".rstrip("0").rstrip(".")
    return str(value)
