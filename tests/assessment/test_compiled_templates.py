"""Compiled templates are kept beside their sources, where that is possible."""

import os
import shutil
from pathlib import Path

import pytest
from jinja2 import Environment, FileSystemLoader

from service import wording
from service.compiled_templates import CompiledTemplates

CARDS = wording._TEMPLATES
_OWN_CACHE = {"__pycache__"}


@pytest.fixture(autouse=True)
def kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this Python keep what it compiles, whatever it was started with."""
    monkeypatch.setattr("sys.dont_write_bytecode", False)


@pytest.fixture
def templates(tmp_path: Path) -> Path:
    """Make a folder with one template."""
    (tmp_path / "word.j2").write_text("one", "utf-8")
    return tmp_path


def _render(folder: Path) -> str:
    environment = Environment(  # noqa: S701 plain words
        loader=FileSystemLoader(folder), bytecode_cache=CompiledTemplates(folder)
    )
    return environment.get_template("word.j2").render()


def _kept(folder: Path) -> list[str]:
    cache = folder / "__pycache__"
    return [path.name for path in cache.iterdir()] if cache.is_dir() else []


def test_second_start_uses_what_the_first_one_kept(
    templates: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is compiled then."""
    _render(templates)
    monkeypatch.setattr(Environment, "compile", None)

    assert _render(templates) == "one"


def test_changed_template_is_compiled_anew(templates: Path) -> None:
    """An old word is never shown."""
    _render(templates)
    (templates / "word.j2").write_text("two", "utf-8")

    assert _render(templates) == "two"


@pytest.mark.parametrize("content", [b"", b"j2", os.urandom(400)])
def test_damaged_file_is_compiled_anew(templates: Path, content: bytes) -> None:
    """A power cut while it was written does no harm."""
    _render(templates)
    (name,) = _kept(templates)
    (templates / "__pycache__" / name).write_bytes(content)

    assert _render(templates) == "one"


def test_read_only_folder_starts_all_the_same(templates: Path) -> None:
    """A hardened container has a file system that cannot be written."""
    (templates / "__pycache__").write_text("a file where the folder would be")

    assert _render(templates) == "one"


def test_python_that_keeps_nothing_is_obeyed(
    templates: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PYTHONDONTWRITEBYTECODE holds for templates as well."""
    monkeypatch.setattr("sys.dont_write_bytecode", True)

    _render(templates)

    assert _kept(templates) == []


def test_image_is_built_with_every_template_of_the_cards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The Dockerfile calls this: one file for each."""
    shutil.copytree(CARDS, tmp_path, dirs_exist_ok=True, ignore=lambda *_: _OWN_CACHE)
    monkeypatch.setattr(wording, "_TEMPLATES", tmp_path)
    wording._templates.cache_clear()

    wording.compile_templates()

    wording._templates.cache_clear()
    assert len(_kept(tmp_path)) == len(list(CARDS.glob("*.j2"))) > 0
