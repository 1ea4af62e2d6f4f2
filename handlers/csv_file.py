"""Reads a CSV file, plain or zipped: a header, and rows that have a field for each column.

UTF-8, comma, double quotes (RFC 4180); a byte order mark and blank lines are skipped. Anything that
is wrong with the file raises a ValueError that names the file and the line.
"""

from __future__ import annotations

import csv
import io
import os
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import BinaryIO

from handlers.files import open_below

LINE_BYTES_MAX = 256 * 1024
COLUMNS_MAX = 1_000
"""SQLite allows 2000 columns by default."""


class CsvFile:
    """An open CSV file whose header is read.

    Attributes:
        header: the names of the columns, which are distinct without regard to case, as in SQLite.
        total_bytes: the unpacked size of the file.
    """

    def __init__(self, name: str, file: BinaryIO, total_bytes: int) -> None:
        self._name = name
        self._file = file
        self._records = csv.reader(_lines(name, file), strict=True)
        self.total_bytes = total_bytes
        self.header = self._header()

    @property
    def read_bytes(self) -> int:
        """How many bytes of the unpacked file have been read."""
        return self._file.tell()

    def rows(self) -> Iterator[list[str]]:
        """The rows after the header, each as long as the header."""
        while (row := self._record()) is not None:
            if len(row) == len(self.header):
                yield row
            elif row:
                raise self._flaw(f"{len(row)} fields, but the header has {len(self.header)}")

    def _header(self) -> list[str]:
        header = self._record()
        if header is None:
            raise ValueError(f"{self._name}, line 1: the file is empty")
        if not header or not all(name.strip() and name.isprintable() for name in header):
            raise self._flaw("every column needs a name of printable characters in the header")
        if len({name.lower() for name in header}) < len(header):
            raise self._flaw("two columns of one name in the header")
        if len(header) > COLUMNS_MAX:
            raise self._flaw(f"more than {COLUMNS_MAX} columns")
        return header

    def _record(self) -> list[str] | None:
        try:
            return next(self._records, None)
        except csv.Error as error:
            raise self._flaw(str(error)) from None

    def _flaw(self, detail: str) -> ValueError:
        return ValueError(f"{self._name}, line {self._records.line_num}: {detail}")


@contextmanager
def open_csv(path: str) -> Iterator[CsvFile]:
    """Open a CSV file below `files_dir`, or the only CSV file in a `.zip`."""
    with open_below(path) as file:
        if not path.lower().endswith(".zip"):
            yield CsvFile(path, file, os.fstat(file.fileno()).st_size)
            return
        with _archive(path, file) as archive:
            member = _member(path, archive)
            with _unpacked(path, archive, member) as unpacked:
                yield CsvFile(f"{path}/{member.filename}", unpacked, member.file_size)


def _archive(path: str, file: BinaryIO) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(file)
    except zipfile.BadZipFile as error:
        raise ValueError(f"{path}: not a zip archive: {error}") from None


def _member(path: str, archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    members = [
        member
        for member in archive.infolist()
        if member.filename.lower().endswith(".csv") and not member.filename.startswith("__MACOSX/")
    ]
    if len(members) != 1:
        raise ValueError(f"{path}: exactly one CSV file must be in it, not {len(members)}")
    return members[0]


def _unpacked(path: str, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> BinaryIO:
    try:
        return io.BufferedReader(archive.open(member))  # type: ignore[type-var]
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        # It is damaged or encrypted, or compressed by a method that is not supported.
        raise ValueError(f"{path}: {error}") from None


def _lines(name: str, file: BinaryIO) -> Iterator[str]:
    """The lines as text; decoded one by one, so that the error for a wrong byte names its line."""
    for number in count(1):
        try:
            encoding = "utf-8-sig" if number == 1 else "utf-8"
            line = _text(file.readline(LINE_BYTES_MAX + 1), encoding)
        except (ValueError, zipfile.BadZipFile, zlib.error, EOFError) as error:
            raise ValueError(f"{name}, line {number}: {error}") from None
        if not line:
            return
        yield line


def _text(line: bytes, encoding: str) -> str:
    if len(line) > LINE_BYTES_MAX:
        raise ValueError(f"longer than {LINE_BYTES_MAX} bytes")
    try:
        return line.decode(encoding)
    except UnicodeDecodeError as error:
        raise ValueError(f"byte 0x{line[error.start]:02x} is not UTF-8") from None
