"""A lock between processes, on a file: whoever holds it compiles, the others wait and then find the work done."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None
    import msvcrt


class FileLock:
    """One advisory lock of this process. Not for threads: whoever takes it holds a thread lock already.

    The system gives the lock up when the process dies, so nothing stale can be left behind.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._file: int | None = None

    def acquire(self, on_wait: Callable[[], None], poll_s: float = 0.1) -> bool:
        """Wait for the lock; False when this place has no locks (read-only, or a file system without them).

        Args:
            on_wait: called once, when somebody else holds the lock.
            poll_s: seconds between two attempts; an interrupt comes through.
        """
        try:
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError:
            return False
        told = False
        try:
            while not _try_lock(self._file):
                if not told:
                    told = True
                    on_wait()
                time.sleep(poll_s)
        except OSError:
            self.forget()
            return False
        except BaseException:
            self.forget()
            raise
        return True

    def release(self) -> None:
        """Let the next process in."""
        if self._file is not None:
            # Said in so many words: a child forked meanwhile shares the open file, and closing ours would not free it.
            _unlock(self._file)
            self.forget()

    def forget(self) -> None:
        """Drop the file without touching the lock: in a forked child the lock is the parent's."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def _try_lock(file: int) -> bool:
    try:
        if fcntl:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        else:
            os.lseek(file, 0, os.SEEK_SET)
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
    except (BlockingIOError, PermissionError):  # held by another process, as Linux and Windows say it
        return False
    return True


def _unlock(file: int) -> None:
    if fcntl:
        fcntl.flock(file, fcntl.LOCK_UN)
    else:
        os.lseek(file, 0, os.SEEK_SET)
        msvcrt.locking(file, msvcrt.LK_UNLCK, 1)
