"""A scenario: an image template and how one run of it goes, read from one TOML file in `scenarios/`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from importlib import resources
from random import Random
from typing import Any, Literal
from uuid import NAMESPACE_URL, UUID, uuid5

import tomli
from msgspec import Struct, field
from msgspec.structs import replace

from aibtui.emulator.access import Access

Stream = Literal["stdout", "stderr", "raw"]
Lists = Mapping[str, tuple[Any, ...]]

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(h|m|s)")
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0}
_LAST = ("end", "canceling", "earlier")
_SPREAD = 0.08  # of how long parts of earlier runs take, as the deviation of the logarithm


class UnknownScenario(KeyError):
    """No scenario has this name; the text names those that exist."""

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        super().__init__(name)
        self.name = name
        self.known = known

    def __str__(self) -> str:
        return f"there is no scenario {self.name!r}: choose one of {', '.join(self.known)}"


class BadScenario(ValueError):
    """A scenario file says something that cannot be played."""


class Throw(Struct, frozen=True):
    """A PowerShell error record: what was thrown, and where in the script.

    `command` names the cmdlet that failed, and then `identity` is its category and error id, as `category|id`.
    """

    message: str
    line: int
    char: int
    code: str
    command: str = ""
    exception: str = "Exception"
    identity: str = ""


class Beat(Struct, frozen=True):
    """A stretch of what a script prints.

    `lines` (or the beats in `play`) come once, `times` times, once for each item of the list `each`, or `forever`.
    `over` is about how long all of it takes, `every` exactly how long one round takes, `wait` the silence before.
    Durations are text like `1m30s` and may hold placeholders, as lines may (see `chatter`).
    """

    lines: tuple[str, ...] = ()
    play: tuple[Beat, ...] = ()
    times: int = 1
    each: str | None = None
    forever: bool = False
    over: str = ""
    every: str = ""
    wait: str = ""
    stream: Stream = "stdout"
    throws: Throw | None = None


class Update(Struct, frozen=True):
    """One update that a WindowsUpdate customizer finds."""

    title: str
    date: str
    mb: float


class UpdateRound(Struct, frozen=True):
    """One round of a WindowsUpdate customizer; it ends with a restart unless `restart` is false."""

    updates: tuple[Update, ...]
    download: float
    install: float
    restart: bool


class Step(Struct, frozen=True):
    """One customizer: its part of the template, word for word, and what happens when it runs.

    `size` is the bytes of its script or file, `seconds` how long an upload or a restart takes. `late` is how many of
    the last output lines Packer shows only after it has logged the command's end, as it does. `fails` is Packer's
    message where a restart, of the customizer itself or after its last round of updates, does not end well.
    """

    template: Mapping[str, Any]
    play: tuple[Beat, ...] = ()
    rounds: tuple[UpdateRound, ...] = ()
    exit_code: int = 0
    size: int = 2048
    seconds: float = 0.0
    late: int = 3
    fails: str = ""

    @property
    def type(self) -> str:
        """The customizer's type in Azure's word."""
        return str(self.template["type"])

    @property
    def provisioner(self) -> str:
        """The type in Packer's word."""
        return {
            "File": "file",
            "PowerShell": "powershell",
            "Shell": "shell",
            "WindowsRestart": "windows-restart",
            "WindowsUpdate": "windows-update",
        }[self.type]


class ArmError(Struct, frozen=True):
    """Why ARM refuses a deployment: its innermost code and message, and those that it wraps them in.

    `of` is the deployment that it refuses; on Linux there is only that of the VM.
    """

    code: str
    message: str
    outer: str = "InvalidTemplateDeployment"
    outer_message: str = (
        "The template deployment is not valid according to the validation procedure. See inner errors for details."
    )
    of: Literal["vault", "vm"] = "vm"


class Deprovision(Struct, frozen=True):
    """The hidden last step on Windows: how often Sysprep says COMPLETE, then for how many seconds UNDEPLOYABLE.

    An endless one stays in the state `stays`. `missing_service` is one that the script looks for in vain;
    `script_missing` says that a customizer has deleted the script.
    """

    complete: int = 2
    undeployable: float = 95.0
    endless: bool = False
    stays: str = "UNDEPLOYABLE"
    missing_service: str = ""
    script_missing: bool = False


class Stage(Struct, frozen=True):
    """A sub-state of the run after Packer has ended, and how many seconds it lasts."""

    sub_state: str
    lasts: float


class Ending(Struct, frozen=True):
    """How the service ends a run whose log says something else, or nothing: None leaves it to the log."""

    run_state: str | None = None
    message: str | None = None


class Canceling(Struct, frozen=True):
    """A cancel: `after` how many seconds somebody asks for it by plan, if anybody does; how long it then `takes`."""

    after: float | None = None
    takes: float = 55.0


class Scenario(Struct, frozen=True):
    """One run of one template; times are seconds.

    `template`, `group`, `location`, `tags` and `properties` are the file's `[template]`, `steps` its `[[steps]]`,
    `access` its `[access]`, `validators` what its `[validation]` prints, the rest its `[run]`: `packer_starts` (None:
    no log is ever written, and the run ends after `ends_after`), `deploy` (`vault`, `vm`, `error`), `connect` (`takes`,
    `gives_up`), `deprovision`, `stages`, `end`, `earlier` (how many runs went before it). `ago` is the place of an
    earlier run: 1 went right before.
    """

    name: str
    title: str
    description: str
    os: Literal["Windows", "Linux"]
    template: str
    group: str
    location: str
    tags: Mapping[str, str]
    properties: Mapping[str, Any]
    steps: tuple[Step, ...]
    packer_starts: float | None
    ends_after: float
    vault: float
    vm: float
    deploy_error: ArmError | None
    connect: float
    connect_gives_up: bool
    deprovision: Deprovision
    stages: tuple[Stage, ...]
    ending: Ending
    lists: Lists
    canceling: Canceling = Canceling()
    access: Access = field(default_factory=Access)
    validators: tuple[str, ...] = ()
    earlier: int = 0
    ago: int = 0

    @property
    def history(self) -> tuple[Scenario, ...]:
        """The runs that went before it, the oldest first: the same build, no part of which took quite as long."""
        return tuple(replace(self, ago=ago) for ago in range(self.earlier, 0, -1))

    def pace(self, part: str) -> float:
        """How many times as long as the file says a part of this run takes."""
        return Random(f"{self.name}:{self.ago}:{part}").lognormvariate(0, _SPREAD) if self.ago else 1.0

    @property
    def build_timeout(self) -> float:
        """Seconds until the service stops the run; 0 in a template means 240 minutes."""
        return 60.0 * (int(self.properties.get("buildTimeoutInMinutes", 0)) or 240)

    @property
    def plan(self) -> tuple[str, ...]:
        """Packer's provisioners, AIB's two hidden ones included."""
        last = "powershell" if self.os == "Windows" else "shell"
        return ("file", *(step.provisioner for step in self.steps), last)

    @property
    def subscription(self) -> str:
        return str(self.id("subscription"))

    @property
    def staging_group(self) -> str:
        """`IT_<group>_<template>_<guid>`, the template's part cut so that the whole has at most 80 characters."""
        guid = str(self.id("staging"))
        room = 80 - len(f"IT_{self.group}__{guid}")
        return f"IT_{self.group}_{self.template[:room]}_{guid}"

    @property
    def storage_account(self) -> str:
        """A name as random as the service's own: 24 letters and digits."""
        return _letters(self.id("storage"), 24)

    @property
    def packer_suffix(self) -> str:
        """The 10 characters that Packer gives everything it makes: `pkrvm<suffix>`."""
        return _letters(self.id("packer"), 10)

    def id(self, what: str) -> UUID:
        """A guid that is the same in every run of this scenario."""
        return scenario_id(self.name, what)


def scenario_id(scenario: str, what: str) -> UUID:
    """A guid made from names, so that runs can be repeated."""
    return uuid5(NAMESPACE_URL, f"aibtui:{scenario}:{what}")


def scenario_names() -> tuple[str, ...]:
    """The scenarios that come with the program, in alphabetical order."""
    return tuple(sorted(_stems("scenarios")))


def load_scenario(name: str) -> Scenario:
    """The scenario of this name. Raises UnknownScenario, and BadScenario for a file that cannot be played."""
    known = scenario_names()
    if name not in known:
        raise UnknownScenario(name, known)
    return parse_scenario(name, _read("scenarios", name))


def parse_scenario(name: str, text: str) -> Scenario:
    """A scenario from the text of its file; `include` names files of `phrases/` with lists and chatter to use."""
    try:
        return _scenario(name, tomli.loads(text))
    except (tomli.TOMLDecodeError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise BadScenario(f"scenario {name!r} cannot be played: {error!r}") from error


def duration(text: str | int | float) -> float:
    """`1h5m`, `90s`, `0.5s` or a number of seconds, as seconds."""
    if isinstance(text, int | float):
        return float(text)
    found = _DURATION.findall(text)
    if not text or "".join(number + unit for number, unit in found) != text:
        raise ValueError(f"{text!r} is not a duration like 1h5m or 90s")
    return float(sum(float(number) * _SECONDS[unit] for number, unit in found))


def _read(folder: str, name: str) -> str:
    return resources.files("aibtui.emulator").joinpath(folder, f"{name}.toml").read_text(encoding="utf-8")


def _stems(folder: str) -> list[str]:
    files = resources.files("aibtui.emulator").joinpath(folder).iterdir()
    return [file.name.removesuffix(".toml") for file in files if file.name.endswith(".toml")]


def _letters(guid: UUID, count: int) -> str:
    alphabet = "0123456789abcdefghijklmnopqrstuvwxyz"
    number, text = guid.int, ""
    while len(text) < count:
        number, digit = divmod(number, 36)
        text += alphabet[digit]
    return text


def _scenario(name: str, data: dict[str, Any]) -> Scenario:
    included = [tomli.loads(_read("phrases", phrases)) for phrases in data.get("include", ())]
    lists: dict[str, tuple[Any, ...]] = {}
    chatter: dict[str, list[Any]] = {}
    for source in (*included, data):
        lists |= {key: tuple(value) for key, value in source.get("lists", {}).items()}
        chatter |= source.get("chatter", {})
    known = ("title", "description", "include", "template", "run", "steps", "lists", "chatter", "access", "validation")
    _only("a scenario", data, *known)
    template, run = data["template"], data["run"]
    _only("[template]", template, "os", "name", "group", "location", "tags", "properties")
    _only("[run]", run, "packer_starts", "ends_after", "deploy", "connect", "deprovision", "stages", *_LAST)
    deploy, connect, end = run.get("deploy", {}), run.get("connect", {}), run.get("end", {})
    _only("deploy", deploy, "vault", "vm", "error")
    _only("connect", connect, "takes", "gives_up")
    error = deploy.get("error")
    deprovision = dict(run.get("deprovision", {}))
    if "undeployable" in deprovision:
        deprovision["undeployable"] = duration(deprovision["undeployable"])
    starts = run.get("packer_starts")
    reader = _Beats(chatter, lists)
    return Scenario(
        name=name,
        title=data["title"],
        description=data["description"],
        os=template.get("os", "Windows"),
        template=template["name"],
        group=template["group"],
        location=template["location"],
        tags=template.get("tags", {}),
        properties=_with_subscription(template["properties"], str(scenario_id(name, "subscription"))),
        steps=tuple(_step(step, reader) for step in data.get("steps", ())),
        packer_starts=None if starts is None else duration(starts),
        ends_after=duration(run.get("ends_after", "20s")),
        vault=duration(deploy.get("vault", "32s")),
        vm=duration(deploy.get("vm", "92s")),
        deploy_error=ArmError(**error) if error else None,
        connect=duration(connect.get("takes", "40s")),
        connect_gives_up=bool(connect.get("gives_up", False)),
        deprovision=Deprovision(**deprovision),
        stages=tuple(Stage(stage["sub_state"], duration(stage["lasts"])) for stage in run.get("stages", ())),
        ending=Ending(**end),
        lists=lists,
        canceling=Canceling(**{key: duration(value) for key, value in run.get("canceling", {}).items()}),
        access=Access(**_with_seconds(data.get("access", {}), "appears_after")),
        validators=tuple(data.get("validation", {}).get("lines", ())),
        earlier=int(run.get("earlier", 0)),
    )


def _with_seconds(data: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    return {key: duration(value) if key in keys else value for key, value in data.items()}


def _only(what: str, data: Mapping[str, Any], *keys: str) -> None:
    """A misspelt key is a mistake, not a wish that nobody hears."""
    if unknown := sorted(set(data) - set(keys)):
        raise ValueError(f"{what} has no {', '.join(unknown)}")


def _with_subscription(value: Any, subscription: str) -> Any:
    """The template's own ids hold `{subscription}`: it is made from the scenario's name."""
    if isinstance(value, str):
        return value.replace("{subscription}", subscription)
    if isinstance(value, list):
        return [_with_subscription(each, subscription) for each in value]
    if isinstance(value, dict):
        return {key: _with_subscription(each, subscription) for key, each in value.items()}
    return value


def _step(data: dict[str, Any], reader: _Beats) -> Step:
    _only("a step", data, "template", "play", "rounds", "exit_code", "size", "seconds", "late", "fails")
    step = Step(
        template=data["template"],
        play=reader.beats(data.get("play", ())),
        rounds=tuple(
            UpdateRound(
                updates=tuple(Update(**update) for update in each["updates"]),
                download=duration(each.get("download", "40s")),
                install=duration(each.get("install", "3m")),
                restart=each.get("restart", True),
            )
            for each in data.get("rounds", ())
        ),
        exit_code=data.get("exit_code", 0),
        size=data.get("size", 2048),
        seconds=duration(data.get("seconds", 0)),
        late=data.get("late", 3),
        fails=data.get("fails", ""),
    )
    step.provisioner  # noqa: B018 - a type that AIB does not have is found here, not in the middle of a run
    return step


class _Beats:
    """Reads beats, and puts in the named ones of `[chatter]` where a beat says `use`."""

    def __init__(self, chatter: Mapping[str, list[Any]], lists: Lists) -> None:
        self._chatter = chatter
        self._lists = lists

    def beats(self, data: Any) -> tuple[Beat, ...]:
        return tuple(beat for each in data for beat in self._one(dict(each)))

    def _one(self, data: dict[str, Any]) -> tuple[Beat, ...]:
        if used := data.pop("use", None):
            if data:
                raise ValueError(f"a beat that uses {used!r} says nothing else")
            return self.beats(self._chatter[used])
        if (each := data.get("each")) is not None and each not in self._lists:
            raise ValueError(f"there is no list {each!r}")
        fields: dict[str, Callable[[Any], Any]] = {
            "lines": tuple,
            "play": self.beats,
            "throws": lambda value: Throw(**value),
        }
        return (Beat(**{key: fields.get(key, lambda value: value)(value) for key, value in data.items()}),)
