"""Prose of the report: written once, in a small part of Markdown, for the page and for report.md alike.

Paragraphs, `code`, *emphasis*, **strong emphasis**, [text](#name of a section), backslash escapes, and empty
comments, which show nothing.
"""

import re
from collections.abc import Iterator

from markupsafe import Markup, escape

_APART = "<!-- -->"
_INLINE = re.compile(
    r"\\(?P<escaped>[^A-Za-z0-9\s])"
    rf"|(?P<apart>{_APART})"
    r"|`(?P<code>[^`]+)`"
    r"|\*\*(?P<strong>(?:\\.|[^*\\])+)\*\*"
    r"|\*(?P<em>(?:\\.|[^*\\])+)\*"
    r"|\[(?P<text>(?:\\.|[^\]\\])+)\]\(#(?P<target>[\w-]+)\)"
)


def escape_markdown(text: str) -> str:
    """Return a text so that Markdown shows it as it is, also in a table's cell, and makes no link of it."""
    text = re.sub(r"([\\`*\[\]<>|~#&])", r"\\\1", text)
    text = re.sub(r"(?<!\w)_|_(?!\w)", r"\\_", text)
    # GitHub looks for addresses after it has read the escapes, but not across inline HTML.
    return re.sub(r"(?i)((?:https?|ftp):(?=//)|www(?=\.)|@)", rf"\1{_APART}", text)


def to_html(markdown: str) -> Markup:
    """Return paragraphs of prose as HTML."""
    return Markup("\n").join(
        Markup("<p>{}</p>").format(inline_html(paragraph))
        for paragraph in re.split(r"\n\s*\n", markdown.strip())
    )


def inline_html(markdown: str) -> Markup:
    """Return prose of one paragraph as HTML."""
    return Markup("").join(_pieces(re.sub(r"[ \n]+", " ", markdown)))


def _pieces(markdown: str) -> Iterator[Markup]:
    end = 0
    for found in _INLINE.finditer(markdown):
        yield escape(markdown[end : found.start()])
        end = found.end()
        match found.lastgroup:
            case "escaped":
                yield escape(found["escaped"])
            case "apart":
                pass
            case "code":
                yield Markup("<code>{}</code>").format(found["code"])
            case "target":
                yield Markup('<a href="#{}">{}</a>').format(found["target"], inline_html(found["text"]))
            case kind:
                yield Markup(f"<{kind}>{{}}</{kind}>").format(inline_html(found[str(kind)]))  # noqa: S704 - em, strong
    yield escape(markdown[end:])
