"""What holds for every command: where the server is, how to print; and the classes that know it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import click

FORMATS = ("table", "json", "csv", "ndjson")


@dataclass
class Invocation:
    """The options that every command takes, wherever on the line they stand."""

    server: str | None = None
    output: str | None = None
    color: bool = True
    traceback: bool = False


def current() -> Invocation:
    """The options of the command that runs."""
    return click.get_current_context().ensure_object(Invocation)


class Plain(click.Command):
    """A command that takes the common options, too."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # Any: handed on to click
        super().__init__(*args, **kwargs)
        self.params = [*self.params, *common_options()]


def common_options() -> list[click.Option]:
    """New options; they write themselves into the Invocation and reach no function."""
    return [
        _option("server", ["--server"], metavar="URL", help="Server, such as http://host:8420."),
        _option(
            "output",
            ["--output"],
            type=click.Choice(FORMATS),
            help="How to print: a table by default.",
        ),
        _option(
            "color", ["--no-color"], flag_value=False, help="No colours; NO_COLOR does so too."
        ),
        _option("traceback", ["--traceback"], flag_value=True, help="Show where an error arose."),
    ]


def _option(name: str, declaration: list[str], **more: Any) -> click.Option:  # Any: as above
    is_flag = "flag_value" in more
    return click.Option(
        [*declaration, f"common_{name}"],
        expose_value=False,
        is_eager=True,
        callback=_keeper(name),
        default=None,
        is_flag=is_flag,
        **more,
    )


def _keeper(name: str) -> Callable[[click.Context, click.Parameter, Any], None]:
    def keep(context: click.Context, _: click.Parameter, value: object) -> None:
        if value is not None:
            setattr(context.ensure_object(Invocation), name, value)

    return keep
