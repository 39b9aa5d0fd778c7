"""Subcommands that are loaded when they are called, and listed without that."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any, NamedTuple

import click

__all__ = ["Later", "LazyGroup"]


class Later(NamedTuple):
    """
    Where a subcommand is.

    Attributes
    ----------
    module, name : str
        Its module, and its name there.
    help : str
        The first line of its help, for the list.
    """

    module: str
    name: str
    help: str


class LazyGroup(click.Group):
    """
    A group of which some subcommands are loaded on demand.

    So `serve` starts without the statistics, and the list is there at once.

    Parameters
    ----------
    *args
        As of `click.Group`.
    later : Mapping of str to Later
        The subcommands to load on demand; they are listed after the others.
    **options
        As of `click.Group`.
    """

    def __init__(
        self,
        *args: Any,  # noqa: ANN401 click's
        later: Mapping[str, Later],
        **options: Any,  # noqa: ANN401 click's
    ) -> None:
        super().__init__(*args, **options)
        self.later = later

    def list_commands(  # numpydoc ignore=PR01,RT01
        self,
        ctx: click.Context,  # noqa: ARG002 click's
    ) -> list[str]:
        """Name the subcommands in the order in which they were given."""
        return [*self.commands, *self.later]

    def get_command(  # numpydoc ignore=PR01,RT01
        self, ctx: click.Context, cmd_name: str
    ) -> click.Command | None:
        """Import the module of a subcommand and take the command from it."""
        if cmd_name not in self.later:
            return super().get_command(ctx, cmd_name)
        module, name, _ = self.later[cmd_name]
        command: click.Command = getattr(import_module(module), name)
        return command

    def format_commands(  # numpydoc ignore=PR01
        self,
        ctx: click.Context,  # noqa: ARG002 click's
        formatter: click.HelpFormatter,
    ) -> None:
        """List the subcommands without loading one."""
        known = {
            name: command.get_short_help_str(formatter.width)
            for name, command in self.commands.items()
        }
        listed = known | {name: each.help for name, each in self.later.items()}
        with formatter.section("Commands"):
            formatter.write_dl(list(listed.items()))
