"""Loads the Jinja2 templates in the folder `templates`."""

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from eartune.report.scheme_result import invalid_share, parsed_share
from eartune.report.wording import metric_name
from eartune.tables import escape_markdown
from eartune.wording import percent


def svg_template() -> Template:
    """Return the template of the curve."""
    return _environment(of_markup=True).get_template("curve.svg.j2")


def html_template() -> Template:
    """Return the template of the page as HTML."""
    return _environment(of_markup=True).get_template("page.html.j2")


def markdown_template() -> Template:
    """Return the template of the page as Markdown."""
    return _environment(of_markup=False).get_template("page.md.j2")


def _escaped(value: object) -> object:
    return value if isinstance(value, Markup) else escape_markdown(str(value))


@cache
def _environment(of_markup: bool) -> Environment:
    environment = Environment(
        loader=PackageLoader("eartune.report"),
        undefined=StrictUndefined,  # a misspelled name must be an error, not a hole in the page
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=of_markup,
        finalize=None if of_markup else _escaped,
    )
    environment.filters |= {
        "metric_name": metric_name,
        "percent": percent,
        "parsed_share": parsed_share,
        "invalid_share": invalid_share,
    }
    return environment
