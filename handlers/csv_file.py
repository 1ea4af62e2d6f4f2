"""Reads a CSV file, plain or zipped: a header, and rows that have a field for each column.

UTF-8, comma, double quotes (RFC 4180); a byte order mark and blank lines are skipped. Anything that
is wrong with the file raises a ValueError that names the file and the line.

However the file is made, little memory is used: a line, a record and a batch of rows have bounds in
bytes. A small archive that unpacks to very much is refused before it is read.
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

from scheduler.paths import open_below

LINE_BYTES_MAX = 256 * 1024
RECORD_BYTES_MAX = 1024 * 1024
"""Of a row, whose quoted fields may have many lines."""
BLANK_LINES_MAX = 1_000_000
"""They take almost no room in an archive, and a second for each million."""
UNPACKED_BYTES_MAX = 64 * 1024 * 1024
"""What any archive may unpack to."""
UNPACKED_TIMES_MAX = 100
"""And a larger one, as a multiple of its own size. Tables usually shrink to a tenth or a third; a
file that is made to do harm shrinks to a thousandth."""
COLUMNS_MAX = 1_000
"""SQLite allows 2000 columns by default."""


class CsvFile:
    """An open CSV file whose header is read.

    Attributes:
        header: the names of the columns, which are distinct without regard to case, as in SQLite.
        read_bytes: how many bytes of the unpacked file have been read.
        total_bytes: the unpacked size of the file.
    """

    def __init__(self, name: str, file: BinaryIO, total_bytes: int) -> None:
        self._name = name
        self._file = file
        self._record_began = 0
        self._blank_lines = 0
        self._records = csv.reader(self._lines(), strict=True)
        self.read_bytes = 0
        self.total_bytes = total_bytes
        self.header = self._header()

    def batches(self, *, rows_max: int, bytes_max: int) -> Iterator[list[list[str]]]:
        """The rows after the header, each as long as it; a batch of blank lines alone is empty.

        Args:
            rows_max: of one batch.
            bytes_max: of the file, for one batch and a row more; blank lines count, too.
        """
        batch: list[list[str]] = []
        until = self.read_bytes + bytes_max
        while (row := self._record()) is not None:
            if len(row) == len(self.header):
                batch.append(row)
            elif row:
                raise self._flaw(f"{len(row)} fields, but the header has {len(self.header)}")
            else:
                self._count_blank_line()
            if len(batch) == rows_max or self.read_bytes >= until:
                yield batch
                batch, until = [], self.read_bytes + bytes_max
        if batch:
            yield batch

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

    def _count_blank_line(self) -> None:
        self._blank_lines += 1
        if self._blank_lines > BLANK_LINES_MAX:
            raise self._flaw(f"more than {BLANK_LINES_MAX} blank lines")

    def _record(self) -> list[str] | None:
        self._record_began = self.read_bytes
        try:
            return next(self._records, None)
        except csv.Error as error:
            raise self._flaw(str(error)) from None

    def _lines(self) -> Iterator[str]:
        """The lines as text; decoded one by one, so that the error for a byte names its line."""
        for number in count(1):
            try:
                text = _text(self._line(), "utf-8-sig" if number == 1 else "utf-8")
            except (ValueError, zipfile.BadZipFile, zlib.error, EOFError) as error:
                raise ValueError(f"{self._name}, line {number}: {error}") from None
            if not text:
                return
            yield text

    def _line(self) -> bytes:
        line = self._file.readline(LINE_BYTES_MAX + 1)
        self.read_bytes += len(line)
        if self.read_bytes - self._record_began > RECORD_BYTES_MAX:
            raise ValueError(f"a row of more than {RECORD_BYTES_MAX} bytes")
        return line

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
            _check_size(path, member, os.fstat(file.fileno()).st_size)
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


def _check_size(path: str, member: zipfile.ZipInfo, packed_bytes: int) -> None:
    """Refuse what unpacks to too much; what is read ends at the stated size, even if that is wrong.

    Raises:
        ValueError: it does.
    """
    if member.file_size > max(UNPACKED_BYTES_MAX, UNPACKED_TIMES_MAX * packed_bytes):
        raise ValueError(
            f"{path}: unpacks from {packed_bytes} to {member.file_size} bytes; allowed are"
            f" {UNPACKED_TIMES_MAX} times its size, or {UNPACKED_BYTES_MAX} if that is more: unpack"
            " it before you import it"
        )


def _unpacked(path: str, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> BinaryIO:
    try:
        return io.BufferedReader(archive.open(member))  # type: ignore[type-var]
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        # It is damaged or encrypted, or compressed by a method that is not supported.
        raise ValueError(f"{path}: {error}") from None


def _text(line: bytes, encoding: str) -> str:
    if len(line) > LINE_BYTES_MAX:
        raise ValueError(f"longer than {LINE_BYTES_MAX} bytes")
    try:
        return line.decode(encoding)
    except UnicodeDecodeError as error:
        raise ValueError(f"byte 0x{line[error.start]:02x} is not UTF-8") from None
