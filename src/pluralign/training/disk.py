"""A disk that is full, told as one error: torch and safetensors tell of it in errors of their own."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError

from pluralign.errors import PluralignError

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def is_full(error: BaseException) -> bool:
    """Whether there was no room for what was to be written.

    >>> is_full(OSError(errno.ENOSPC, "No space left on device")), is_full(OSError(errno.EACCES, "Permission denied"))
    (True, False)
    """
    if isinstance(error, OSError):
        return error.errno in FULL
    said = str(error)
    if isinstance(error, SafetensorError):
        return any(f"(os error {number})" in said for number in FULL)
    # `torch.save` says only that its archive is not as long as it should be.
    return isinstance(error, RuntimeError) and ("inline_container" in said or "PytorchStreamWriter" in said)


@contextmanager
def room_needed(folder: Path) -> Iterator[None]:
    """Say of a run that finds no room on its disk what to do about it.

    Raises:
        PluralignError: PA055.
    """
    try:
        yield
    except (OSError, SafetensorError, RuntimeError) as error:
        if not is_full(error):
            raise
        raise PluralignError(
            "PA055", f"no room to write in {folder} ({(str(error).splitlines() or [type(error).__name__])[0]}).",
            "Make room and run the same again: what was saved before is still there, and it goes on from the last checkpoint.",
        ) from error  # fmt: skip
