"""Compiled templates kept beside their sources, as Python keeps its own."""

import sys
from contextlib import suppress
from pathlib import Path

from jinja2 import FileSystemBytecodeCache
from jinja2.bccache import Bucket

__all__ = ["CompiledTemplates"]


class CompiledTemplates(FileSystemBytecodeCache):
    """
    Templates compiled once for all starts: compiling is an eighth of one.

    A file is used only while it fits the template, Jinja's version and Python's; where
    the folder cannot be written, each start compiles, as Python does.

    Parameters
    ----------
    folder : Path
        Of the templates; the files go to its ``__pycache__``.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(str(folder / "__pycache__"), "%s.jinja")

    def load_bytecode(self, bucket: Bucket) -> None:
        """
        Read what was kept, if it can be read.

        Parameters
        ----------
        bucket : Bucket
            Of one template; stays empty where it cannot.
        """
        with suppress(OSError):
            super().load_bytecode(bucket)

    def dump_bytecode(self, bucket: Bucket) -> None:
        """
        Keep what was compiled, if this Python keeps such files at all.

        Parameters
        ----------
        bucket : Bucket
            Of one template.
        """
        if sys.dont_write_bytecode:
            return
        with suppress(OSError):
            Path(self.directory).mkdir(exist_ok=True)
            super().dump_bytecode(bucket)
