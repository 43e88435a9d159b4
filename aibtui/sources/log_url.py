"""An address that opens the log by itself: a blob with its shared access signature. Kept in memory alone."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import parse_qs, unquote, urlsplit

from aibtui.sources import CannotWatch
from aibtui.sources.cloud import Endpoint

_PATH = re.compile(
    r"(?P<account>/[a-z0-9]{3,24})?/(?P<container>packerlogs)/(?P<folder>[\w.-]+)/(?P<log>customization\.log)"
)
_FORM = "It reads https://ACCOUNT.blob.core.windows.net/packerlogs/FOLDER/customization.log?sv=...&sig=... (in quotes)."


@dataclass(frozen=True, slots=True)  # not a Struct: its text leaves the signature out
class LogUrl:
    """The parts of such an address. `account` is the blob endpoint; the signature is in no text that is shown."""

    account: str
    container: str
    blob: str
    expires_at: datetime | None
    signature: str = field(repr=False)

    @property
    def folder(self) -> str:
        """The run folder."""
        return self.blob.partition("/")[0]


def parse_log_url(text: str, endpoint: Endpoint) -> LogUrl:
    """Check an address that the user gave. Raises CannotWatch (2), whose words do not quote it."""
    try:
        host, path = endpoint.user_address(text)
    except ValueError as error:
        raise CannotWatch(f"The address of --log-url cannot be used: {error}.", _FORM, 2) from None
    found = _PATH.fullmatch(unquote(path))
    local = host.startswith("http:")
    if found is None or local is not bool(found["account"]) or found["folder"] in (".", ".."):
        raise CannotWatch("The address of --log-url does not name a customization.log in packerlogs.", _FORM, 2)
    query = urlsplit(text.strip()).query
    if not parse_qs(query).get("sig"):
        text = "The address of --log-url has no signature (sig=), so it opens nothing."
        raise CannotWatch(text, "Copy the whole SAS URL, and put it in quotes: a shell cuts it off at &.", 2)
    expires_at = _time(parse_qs(query).get("se", [""])[0])
    blob = f"{found['folder']}/{found['log']}"
    return LogUrl(host + (found["account"] or ""), found["container"], blob, expires_at, query)


def _time(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
