"""What Packer and the service write into customization.log, before it takes the form of a generation."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Voice = Literal[
    "say", "output", "error", "plain", "plain-error", "core", "plugin", "source", "machine", "undated", "raw", "end"
]


class Record(Struct, frozen=True):
    """One message of Packer's at `at` seconds since the run's start, in one of these voices:

    say: the builder's or a provisioner's headline; output: what a script wrote to stdout; error: what it wrote to
    stderr; plain and plain-error: Packer's screen without a builder's name; core: Packer's own log; plugin: a
    plug-in's log; source: a further line of a script that a plug-in dumps; machine: machine-readable; undated: a
    line of Packer's without a stamp; raw: progress text without any prefix; end: the service's last line. A newline
    in the text makes a record of several lines.
    """

    at: float
    voice: Voice
    text: str
    plugin: str = ""
