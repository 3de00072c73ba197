"""The model card, from Markdown to HTML in which nothing of the card can become markup."""

from __future__ import annotations

from functools import cache

from markdown_it import MarkdownIt
from markupsafe import Markup


def card_html(text: str) -> Markup:
    """The card's headings, lists and tables; HTML within it is shown as text.

    >>> card_html("# A <b>card</b>")
    Markup('<h1>A &lt;b&gt;card&lt;/b&gt;</h1>\\n')
    """
    return Markup(_parser().render(text))  # noqa: S704 - the parser escapes what it is given


@cache
def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False}).enable("table").disable(["image", "link"])
