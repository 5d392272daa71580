"""Files with secrets in the data folder: for the owner's eyes, and whole after a crash."""

import os
from pathlib import Path


def write_private(file: Path, content: bytes) -> None:
    """Replace a file that only its owner may read; meanwhile and after a crash it holds the old content or the new.

    Raises ``OSError``, and leaves nothing behind then.
    """
    fresh = file.with_name(f".{file.name}.{os.getpid()}.new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        fresh.replace(file)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
