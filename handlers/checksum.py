"""SHA-256 of files: a job that keeps a CPU busy."""

from __future__ import annotations

from hashlib import sha256
from itertools import islice
from reprlib import repr as brief

from scheduler import JobContext, handler
from scheduler.paths import file_below, files_below, open_below

FILES_MAX = 5_000
NAMES_BYTES_MAX = 500_000
"""Of all paths together. Both keep the result, which has 70 bytes more for each file, below a
mebibyte: else it would be refused once all the work is done."""
CHUNK_BYTES = 1 << 20


@handler("checksum", timeout_s=6 * 3600, memory_bytes=4 << 30)
def checksum(data: object, job: JobContext) -> dict[str, str]:
    """SHA-256 of files, and of all files in folders: {"paths": ["a.bin", "folder"]}."""
    names = _names(data)
    total = sum(file_below(name).stat().st_size for name in names)
    done = 0
    digests = {}
    for name in names:
        digest = sha256()
        with open_below(name) as file:
            while chunk := file.read(CHUNK_BYTES):
                digest.update(chunk)
                done += len(chunk)
                job.progress(done, max(done, total), name)  # a file may have grown since
        digests[name] = digest.hexdigest()
    return digests


def _names(data: object) -> list[str]:
    """The files to read, sorted by name, each once."""
    match data:
        case {"paths": [_, *_] as paths, **rest} if not rest:
            pass
        case _:
            raise ValueError(f'data must be {{"paths": [path, …]}}, not {brief(data)}')
    names = list(islice(files_below(paths), FILES_MAX + 1))
    if len(names) > FILES_MAX:
        raise ValueError(f"more than {FILES_MAX} files")
    if sum(map(_bytes, names)) > NAMES_BYTES_MAX:
        raise ValueError(f"paths of more than {NAMES_BYTES_MAX} bytes in all")
    return sorted(set(names))


def _bytes(name: str) -> int:
    try:
        return len(name.encode())
    except UnicodeEncodeError:  # a name on Linux may be any bytes, and a result has text
        raise ValueError(f"{name!r}: a name that is not UTF-8") from None
