"""The options of `arouter keys create` and `update`, and their JSON document."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import click
from typing_extensions import override

_COUNTS = ("requests_per_minute", "requests_per_day", "tokens_per_minute")
_DURATION = re.compile(r"(\d{1,5})([dh])")

Command = TypeVar("Command", bound=Callable[..., Any])


class _OrNone(click.ParamType[Any]):
    """A number, or `none` to remove a limit. Wrapped in a tuple, to distinguish None from an omitted option."""

    def __init__(self, kind: type[int | float]) -> None:
        self.name = "number"
        self._kind = kind

    @override
    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, tuple):
            return value
        if value == "none":
            return (None,)
        try:
            return (self._kind(value),)
        except ValueError:
            self.fail("expected a number, or none.", param, ctx)


class _Moment(click.ParamType[Any]):
    """A time, a duration from now, or `never`; wrapped in a tuple, as above."""

    name = "time"

    @override
    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        from arouter.accounts.validators import future
        from arouter.errors import ARouterError

        if isinstance(value, tuple):
            return value
        if value == "never":
            return (None,)
        moment = value
        if match := _DURATION.fullmatch(value):
            duration = timedelta(**{{"d": "days", "h": "hours"}[match[2]]: int(match[1])})
            moment = f"{datetime.now(UTC) + duration:%Y-%m-%dT%H:%M:%SZ}"
        try:
            future(moment, "expires_at")
        except ARouterError:
            self.fail("expected a future time: 2027-01-31T12:00:00Z, 30d, 12h or never.", param, ctx)
        return (moment,)


_OPTIONS = (
    click.option("--limit", type=_OrNone(float), metavar="USD", help="Spending limit, or none."),
    click.option(
        "--limit-reset", type=click.Choice(["daily", "weekly", "monthly", "never"]), help="When the limit resets."
    ),
    click.option("--allow-provider", "allowed_providers", multiple=True, metavar="ID", help="Repeatable."),
    click.option(
        "--allow-model",
        "allowed_models",
        multiple=True,
        metavar="MODEL",
        help="openai/gpt-5.4, openai/gpt-5*, gpt-5.4; repeatable.",
    ),
    *(
        click.option(f"--{name.replace('_', '-')}", type=_OrNone(int), metavar="N", help="N or none.")
        for name in _COUNTS
    ),
    click.option("--expires", type=_Moment(), metavar="TIME", help="2027-01-31T12:00:00Z, 30d, 12h or never."),
)


def key_options(command: Command) -> Command:
    """Adds the options for creating and updating a key."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def key_document_of(options: dict[str, Any]) -> dict[str, Any]:
    """Returns the document of the given options."""
    document: dict[str, Any] = {}
    for field in ("allowed_providers", "allowed_models"):
        if options[field]:
            document[field] = list(options[field])
    if options["limit_reset"] is not None:
        document["limit_reset"] = options["limit_reset"]
    for field, option in (("limit", "limit"), ("expires_at", "expires")):
        if options[option] is not None:
            [document[field]] = options[option]
    counts = {name: options[name][0] for name in _COUNTS if options[name] is not None}
    return document | ({"rate_limit": counts} if counts else {})
