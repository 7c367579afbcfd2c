"""The Jinja2 templates that lie beside this file."""

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from eartune.report.row import parsed_share
from eartune.report.table import escape_markdown
from eartune.report.wording import metric_name, percent


def svg_template() -> Template:
    """The curve."""
    return _escaping_markup().get_template("curve.svg.j2")


def html_template() -> Template:
    """The page."""
    return _escaping_markup().get_template("page.html.j2")


def markdown_template() -> Template:
    """The page as Markdown."""
    return _escaping_markdown().get_template("page.md.j2")


@cache
def _escaping_markup() -> Environment:
    return _environment(autoescape=True)


@cache
def _escaping_markdown() -> Environment:
    def finalize(value: object) -> object:
        return value if isinstance(value, Markup) else escape_markdown(str(value))

    return _environment(autoescape=False, finalize=finalize)


def _environment(**options: object) -> Environment:
    # A misspelled name must be an error, not a hole in the page.
    environment = Environment(
        loader=PackageLoader("eartune.report", "."),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        **options,
    )
    environment.filters |= {"metric_name": metric_name, "percent": percent, "parsed_share": parsed_share}
    return environment
