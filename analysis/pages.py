"""What renders the report's forms and the page of a comparison: templates, escapes, script."""

import base64
import hashlib
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from analysis import shares
from analysis.prose import escape_markdown, to_html

TEMPLATES = Path(__file__).parent / "templates"
_TEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    shares.NARROW_SPACE: r"\,",
    "–": "--",
    "…": r"\ldots{}",
    "“": "``",
    "”": "''",
    "’": "'",
} | {character: f"\\{character}" for character in "&%$#_{}"}


def html_environment(**filters: Callable[..., Any]) -> Environment:
    """Return the environment of pages; their script, and its digest for their policy, are globals."""
    environment = _environment(None, filters)
    script = (TEMPLATES / "sort.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    environment.globals |= {
        "script": Markup(script),  # noqa: S704 - our own file
        "script_digest": f"sha256-{digest}",
    }
    return environment


def markdown_environment() -> Environment:
    """Return the environment of Markdown: every value is escaped for it."""
    return _environment(escape_markdown, {})


def tex_environment() -> Environment:
    """Return the environment of LaTeX, with << >> and <% %> around what is not LaTeX."""
    environment = _environment(
        escape_tex,
        {},
        block_start_string="<%",
        block_end_string="%>",
        variable_start_string="<<",
        variable_end_string=">>",
        comment_start_string="<#",
        comment_end_string="#>",
    )
    environment.globals["raw"] = Markup
    return environment


def markdown_prose(context: Mapping[str, Any]) -> Callable[[str], Markup]:
    """Return what gives a passage of the report by its name, as Markdown."""
    environment = markdown_environment()

    def passage(name: str) -> Markup:
        text = environment.get_template(f"prose_{name}.md.j2").render(context).strip()
        paragraphs = [re.sub(r"[ \n]+", " ", paragraph) for paragraph in re.split(r"\n\s*\n", text)]
        return Markup("\n\n".join(paragraphs))  # noqa: S704 - escaped for Markdown

    return passage


def html_prose(context: Mapping[str, Any]) -> Callable[[str], Markup]:
    """Return what gives a passage of the report by its name, as HTML."""
    passage = markdown_prose(context)
    return lambda name: to_html(str(passage(name)))


def escape_tex(text: str) -> str:
    """Return a text for LaTeX without packages: what that cannot print becomes a question mark."""
    return "".join(_TEX.get(c, c if c.isascii() and c.isprintable() else "?") for c in text)


def _environment(
    escape: Callable[[str], str] | None, filters: Mapping[str, Callable[..., Any]], **syntax: str
) -> Environment:
    def finalize(value: Any) -> Any:
        if escape is None or isinstance(value, Markup):
            return value
        return Markup(escape(str(value)))  # noqa: S704 - escaped for what it becomes part of

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        finalize=finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
        **syntax,  # type: ignore[arg-type]  # none of the others is a text
    )
    environment.filters |= {
        "bounds": shares.bounds_text,
        "count": shares.count,
        "denominator": shares.denominator_text,
        "numerator": shares.numerator_text,
        "share": shares.share_text,
        "day": lambda text: _utc(text).strftime("%Y-%m-%d"),
        "minute": lambda text: _utc(text).strftime("%Y-%m-%d %H:%M UTC"),
        **filters,
    }
    return environment


def _utc(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
