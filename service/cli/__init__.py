"""The command line: `scnen-cds` and its subcommands, each loaded when it is called."""

from importlib import import_module
from typing import Any

import click

from service import __version__
from service.config import SettingsError

__all__ = ["main"]

_COMMANDS = (
    "serve",
    "demo",
    "sandbox",
    "fire",
    "doctor",
    "score",
    "stop",
    "resume",
    "services",
    "clients",
    "terminology",
    "fhir",
    "model",
    "store",
    "monitor",
    "cohort",
    "validate",
    "recalibrate",
    "develop",
)


class _Commands(click.Group):
    """Load a subcommand's module on demand: `serve` starts without the statistics."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 click's
        """Name the subcommands in the order in which a newcomer needs them."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 click's
        """Import the module of a subcommand and take the command from it."""
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = getattr(
            import_module(f"service.cli.{cmd_name}"), cmd_name
        )
        return command

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 as click declares it
        """Turn a setting that cannot be used into a message without a traceback."""
        try:
            return super().invoke(ctx)
        except SettingsError as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="scnen-cds")
def main() -> None:
    """Risk of superior cluneal nerve entrapment after vertebral fracture surgery.

    A CDS Hooks service. Start with `scnen-cds demo`.
    """
