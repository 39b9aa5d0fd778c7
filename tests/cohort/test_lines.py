"""Files that are no cohort: file and line, what is wrong, and how to mend it."""

import re

import pytest

from service.cohort import TableError, read_cohort

HEADER = (
    "id,segment,method,cement_ratio_percent,cobb_preoperative_deg,"
    "cobb_postoperative_deg,scnen"
)
ROW = "p1,lumbar,pkp,52,12,6,1"
MARK = "# synthetic: drawn"


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (HEADER.replace(",", ";"), "separated by semicolons; save it as CSV UTF-8"),
        (HEADER.replace(",", "\t"), "separated by tabs"),
        ("sep=;", "delete this line of Excel's"),
        (HEADER.replace("segment", "Segment"), "'Segment' must be written segment"),
        (HEADER.replace("scnen", " scnen"), "' scnen' must be written scnen"),
        (f"{HEADER},", "column 8 has no name"),
        (f"{HEADER},sex,sex", "sex: stands there twice"),
        (HEADER.replace("method,", ""), "columns are missing: method;"),
        (
            HEADER.replace("cobb_postoperative_deg,", ""),
            r"cobb_preoperative_deg and cobb_postoperative_deg \(or cobb_rest",
        ),
    ],
)
def test_a_header_that_is_not_a_cohorts_is_explained(table, header, words):
    """File, line and remedy."""
    with pytest.raises(TableError, match=rf"^cohort.csv, line 1: .*{words}"):
        read_cohort(table(ROW, header=header))


def test_an_empty_file_is_told(tmp_path):
    """As a whole: there is no line to name."""
    path = tmp_path / "cohort.csv"
    path.touch()
    with pytest.raises(TableError, match=r"^cohort.csv: is empty; `scnen-cds cohort"):
        read_cohort(path)


def test_the_remedy_for_missing_columns_is_a_command(table):
    """Which prints the header."""
    with pytest.raises(TableError, match="scnen-cds cohort template"):
        read_cohort(table(ROW, header="id,scnen"))


def test_a_file_without_rows_is_refused(table):
    """It would be a cohort of nobody."""
    with pytest.raises(TableError, match="holds no rows"):
        read_cohort(table())


def test_a_file_that_is_not_there_is_named(tmp_path):
    """Without a traceback, and without its path."""
    with pytest.raises(TableError, match=r"^x.csv: cannot be read: No such file"):
        read_cohort(tmp_path / "x.csv")


@pytest.mark.parametrize("line", [1, 3, 20_003])
def test_a_line_that_is_not_utf8_is_named(table, line):
    """Wherever it stands."""
    path = table(*(f"p{n},lumbar,pkp,52,12,6,1" for n in range(20_010)))
    content = path.read_bytes().splitlines(keepends=True)
    content[line - 1] = b"M\xfcller" + content[line - 1]
    path.write_bytes(b"".join(content))
    with pytest.raises(TableError, match=rf", line {line}: is not UTF-8; save it"):
        read_cohort(path)


def test_utf16_is_told_by_its_name(table):
    """Excel's "Unicode text"."""
    path = table(ROW)
    path.write_bytes(path.read_text().encode("utf-16"))
    with pytest.raises(TableError, match="is encoded in UTF-16; save it"):
        read_cohort(path)


def test_the_mark_of_utf8_changes_nothing(table):
    """Excel's "CSV UTF-8" begins with it."""
    path = table(ROW)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert read_cohort(path).ids == ("p1",)


def test_line_ends_of_other_systems_change_nothing(table):
    """CR and LF."""
    path = table(ROW)
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert read_cohort(path).scnen.tolist() == [1.0]


@pytest.mark.parametrize(("first", "line"), [((), 3), ((MARK,), 4)])
def test_quotes_that_do_not_match_are_found(tmp_path, first, line):
    """The line is that of the file, with its first line counted."""
    path = tmp_path / "cohort.csv"
    path.write_text("\n".join((*first, HEADER, ROW, 'p2,"lumbar"x,pkp,52,12,6,1')))
    with pytest.raises(TableError, match=f", line {line}: cannot be taken apart"):
        read_cohort(path)


def test_another_comment_is_refused(table):
    """What it says might matter, and nobody would read it."""
    with pytest.raises(TableError, match="line 1: a comment, and none but '# synth"):
        read_cohort(table(HEADER, ROW, header="# from Excel"))


def test_the_header_under_a_mark_has_its_own_line(table):
    """Faults name the line as an editor shows it."""
    with pytest.raises(TableError, match="line 2: columns are missing"):
        read_cohort(table("id,scnen", ROW, header=MARK))


@pytest.mark.parametrize("mark", [MARK, f'"{MARK}",,,,,,', f"{MARK},,,,,,"])
def test_a_first_line_marks_a_synthetic_cohort(table, mark):
    """Also after a spreadsheet program has saved it."""
    assert read_cohort(table(HEADER, ROW, header=mark)).source.is_synthetic


def test_ids_mark_a_synthetic_cohort(table):
    """Whose first line was lost."""
    assert read_cohort(table(f"SYN-{ROW}")).source.is_synthetic
    assert not read_cohort(table(ROW)).source.is_synthetic


def test_drawn_patients_are_not_mixed_with_real_ones(table):
    """A result of both would be one of neither."""
    with pytest.raises(TableError, match="1 of 2 ids begin with SYN-, which marks"):
        read_cohort(table(ROW, f"SYN-{ROW}"))


def test_the_source_is_named_by_file_and_content(table):
    """A report can be traced to the file it was made of."""
    source = read_cohort(table(ROW)).source
    assert (source.kind, source.name) == ("csv", "cohort.csv")
    assert re.fullmatch("[0-9a-f]{64}", source.digest)
    other = read_cohort(table(ROW.replace("52", "53"))).source
    assert other.digest != source.digest


def test_a_long_field_is_refused_by_the_csv_reader(table):
    """A forgotten quote must not swallow a file of any length."""
    with pytest.raises(TableError, match="field larger than field limit"):
        read_cohort(table(f'p1,"{"x" * 200_000}",pkp,52,12,6,1'))
