"""`python -m service`: the command line from a checkout that is not installed."""

from service.cli import main

__all__: list[str] = []

main(prog_name="scnen-cds")
