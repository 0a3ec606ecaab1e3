"""SIGINT and SIGTERM while an event loop runs."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType


class TerminatedError(KeyboardInterrupt):
    """SIGTERM, treated like Ctrl-C by everything that cleans up."""


@contextlib.contextmanager
def terminable() -> Iterator[None]:
    """Inside, SIGTERM raises `TerminatedError` in the main thread instead of ending the process at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handler(number: int, frame: FrameType | None) -> None:
        raise TerminatedError

    before = signal.signal(signal.SIGTERM, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before if before is not None else signal.SIG_DFL)


Handler = Callable[[int, FrameType | None], object]


@contextlib.contextmanager
def stop_signals(
    loop: asyncio.AbstractEventLoop,
    interrupted: Callable[[], None],
    terminated: Callable[[BaseException], None],
) -> Iterator[None]:
    """Call back from the loop instead of raising in the middle of it.

    Args:
        loop: the running loop.
        interrupted: called at Ctrl-C.
        terminated: called at SIGTERM with what the present handler raises; left alone where there is no
            handler, so that a plain SIGTERM ends the process as ever.
    """
    before: dict[int, signal.Handlers | Handler | int | None] = {}
    if threading.current_thread() is threading.main_thread():
        handler = signal.getsignal(signal.SIGTERM)
        with contextlib.suppress(NotImplementedError):  # Windows: the plain KeyboardInterrupt
            before[signal.SIGINT] = signal.getsignal(signal.SIGINT)
            loop.add_signal_handler(signal.SIGINT, interrupted)
            if callable(handler):
                before[signal.SIGTERM] = handler
                loop.add_signal_handler(signal.SIGTERM, lambda: terminated(_raised(handler)))
    try:
        yield
    finally:
        for number, previous in before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, previous)


def _raised(handler: Handler) -> BaseException:
    try:
        handler(signal.SIGTERM, None)
    except BaseException as reason:  # noqa: BLE001 - any exception ends the run in an orderly way
        return reason
    return KeyboardInterrupt()
