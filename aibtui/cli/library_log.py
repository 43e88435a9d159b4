"""What the libraries have to say, kept off the terminal: in a file of the state folder, capped and without secrets."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path

from aibtui.recording.files import make_directory, open_for_append
from aibtui.safetext import clean, mask_secrets

NAME = "aibtui.log"
_LOGGERS = ("azure", "msal", "aiohttp", "asyncio", "py.warnings")
_MOST = 1 << 20  # bytes, in this file and in the one before
_FORM = "%(asctime)s %(levelname)s %(name)s %(message)s"


@contextmanager
def library_log(state_dir: Path) -> Iterator[None]:
    """Within it warnings of the libraries go to a file, which is made by the first of them."""
    handler = _Handler(state_dir / NAME)
    handler.setFormatter(_Formatter(_FORM))
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    before = [(logger.propagate, logger.level) for logger in loggers]
    logging.captureWarnings(True)
    for logger in loggers:
        logger.addHandler(handler)
        logger.propagate = False
        logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logging.captureWarnings(False)
        for logger, (propagate, level) in zip(loggers, before, strict=True):
            logger.removeHandler(handler)
            logger.propagate = propagate
            logger.setLevel(level)
        handler.close()


class _Handler(RotatingFileHandler):
    def __init__(self, path: Path) -> None:
        super().__init__(path, maxBytes=_MOST, backupCount=1, encoding="utf-8", delay=True)

    def _open(self) -> TextIOWrapper:
        path = Path(self.baseFilename)
        make_directory(path.parent)
        return os.fdopen(open_for_append(path), "a", encoding="utf-8")

    def handleError(self, record: logging.LogRecord) -> None:
        """A disk that refuses is not worth a word on the terminal, which logging would write there."""


class _Formatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return "\n".join(clean(mask_secrets(line)[0], None) for line in super().format(record).split("\n"))
