"""Load prompt templates: Jinja files in one folder per language, beside this module."""

from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template, TemplateNotFound

from text2graph_dagster.identity import digest

DEFAULT_LANGUAGE = "en"


@cache
def _environment() -> Environment:
    # Prompts are plain text for a model, never HTML: escaping would change the document.
    return Environment(
        loader=PackageLoader("text2graph_dagster", "prompts"),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


@cache
def _template(language: str, name: str) -> Template:
    try:
        return _environment().get_template(f"{language}/{name}.jinja")
    except TemplateNotFound:
        return _environment().get_template(f"{DEFAULT_LANGUAGE}/{name}.jinja")


def fill_template(language: str, name: str, **values: Any) -> str:
    """Return the prompt `name` in `language` (or in English, if it is missing) with its variables filled in.

    Raises:
        jinja2.UndefinedError: a variable of the template has no value.
    """
    return _template(language, name).render(**values)


@cache
def list_phrasings(name: str, language: str) -> tuple[str, ...]:
    """Return the names of a prompt's phrasings in a language, the plain name first, then `name.2`, `name.3`, …"""
    listed = set(_environment().list_templates())
    folder = language if f"{language}/{name}.jinja" in listed else DEFAULT_LANGUAGE
    others = [
        path.removeprefix(f"{folder}/").removesuffix(".jinja")
        for path in listed
        if path.startswith(f"{folder}/{name}.")
    ]
    return (name, *sorted((other for other in others if other != name), key=lambda other: (len(other), other)))


@cache
def prompt_version(name: str) -> str:
    """Return the version of a prompt: a digest of its text in every language."""
    environment = _environment()
    assert environment.loader is not None
    sources = [
        environment.loader.get_source(environment, path)[0]
        for path in sorted(environment.list_templates())
        if path.endswith(f"/{name}.jinja")
    ]
    return digest(*sources)[:12]
