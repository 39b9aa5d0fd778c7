"""Tables of cohorts, written line by line."""

import pytest

from service.cohort import read_cohort
from service.cohort.lines import COLUMNS

HEADER = ",".join(COLUMNS)


@pytest.fixture
def table(tmp_path):
    """Write a table: the rows under the template's header, or under another."""

    def write(*rows, header=HEADER, name="cohort.csv"):
        path = tmp_path / name
        path.write_text("\n".join((header, *rows)) + "\n", "utf-8")
        return path

    return write


@pytest.fixture
def read(table):
    """Read a table of these rows."""

    def read_rows(*rows, header=HEADER, **options):
        return read_cohort(table(*rows, header=header), **options)

    return read_rows


@pytest.fixture
def reasons(read):
    """Read a table and give each fault: row, field, reason."""

    def of_rows(*rows, **options):
        refused = read(*rows, **options).refused
        return [(each.row, each.field, each.reason) for each in refused]

    return of_rows
