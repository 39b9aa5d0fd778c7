"""The list of commands: it is there at once, and says what the commands say."""

import subprocess
import sys

import click
import pytest

from service.cli import main
from service.cli.cohort import cohort
from service.cli.lazy import LazyGroup

GROUPS = [main, cohort]


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group.name)
def test_the_list_says_what_each_command_says_of_itself(group):
    """It is written down twice, so that nothing need be loaded to list it."""
    context = click.Context(group)
    assert isinstance(group, LazyGroup)
    for name, told in group.later.items():
        command = group.get_command(context, name)
        assert command.name == name
        assert told.help == command.get_short_help_str(200)


@pytest.mark.parametrize("words", [["--help"], ["cohort", "--help"]])
def test_help_loads_no_framework(words):
    """Neither Flask nor a database nor the statistics: it is there at once."""
    script = (
        "import sys\nfrom service.cli import main\n"
        f"main({words}, standalone_mode=False)\n"
        "heavy = {'flask', 'sqlalchemy', 'scipy', 'fhir.resources', 'requests'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)


def test_an_unknown_command_is_answered_with_how_to_find_them():
    """And with the name that was given."""
    with pytest.raises(click.UsageError, match="No such command 'sreve'"):
        main(["sreve"], standalone_mode=False)
