"""The command line: `scnen-cds` and its subcommands, each loaded when it is called."""

from typing import Any

import click

from service import __version__
from service.cli.lazy import Later, LazyGroup
from service.config import SettingsError

__all__ = ["main"]

#: Each in the module of its name, in the order in which a newcomer needs them.
_COMMANDS = {
    "serve": "Serve until SIGTERM or Ctrl-C; requests in flight are finished.",
    "demo": (
        "Fire the hooks of synthetic patients, at discharge or later, and show the"
        " cards."
    ),
    "sandbox": "Run a FHIR R4 server and the service side by side until Ctrl-C.",
    "fire": (
        "Play an EHR: read a patient from a FHIR server, fire a hook, show the card."
    ),
    "doctor": "Check a deployment against an EHR's FHIR server, and say what is wrong.",
    "score": "Answer the hook request in FILE and print the response as JSON.",
    "stop": "Switch the advice off within a second, without a restart.",
    "resume": "Switch the advice on again: remove the stop file.",
    "services": "Print what to enter into an EHR by hand, to the letter.",
    "clients": "Check the register of EHR clients, or print a pattern for one.",
    "terminology": (
        "Find out which codes are known, and teach the service a site's own."
    ),
    "fhir": "Hand the knowledge artifacts to a terminology server or a repository.",
    "model": "Show the risk model, derive it again, check its artifact.",
    "store": "Look into the store: decisions, feedback and outcomes.",
    "monitor": "Report on use, inputs and follow-up; estimate what a month brings.",
    "cohort": "Bring patients of your own in, to validate the model on them.",
    "validate": (
        "Validate a model on the patients in FILE, a cohort as `cohort check` takes it."
    ),
    "recalibrate": (
        "Recalibrate the model on the patients in FILE, a cohort as `cohort check`"
        " takes it."
    ),
    "develop": "Develop a new model from the cohort in FILE, as the study did.",
}


class _Commands(LazyGroup):
    """Turn a setting that cannot be used into a message without a traceback."""

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 as click declares it
        """Run the command; a refused setting names itself and the remedy."""
        try:
            return super().invoke(ctx)
        except SettingsError as error:
            raise click.ClickException(str(error)) from error


@click.group(
    cls=_Commands,
    later={
        name: Later(f"{__name__}.{name}", name, said)
        for name, said in _COMMANDS.items()
    },
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="scnen-cds")
def main() -> None:
    """Risk of superior cluneal nerve entrapment after vertebral fracture surgery.

    A CDS Hooks service. Start with `scnen-cds demo`.
    """
