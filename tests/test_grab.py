"""A run collected into a bundle, from the emulator over the real SDK clients and from recordings."""

from __future__ import annotations

import asyncio
import hashlib
import json
import stat
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from aibtui.core.monitor import Monitor
from aibtui.emulator import Emulator, ScenarioClock, load_scenario
from aibtui.emulator.activity import CALLER
from aibtui.outputs.bundle import Bundle, BundleTaken
from aibtui.outputs.grab import Grabbed, grab
from aibtui.recording import Recordings, RunInfo
from aibtui.session import Watch
from aibtui.sources import CannotWatch
from aibtui.sources.arm import Access
from aibtui.sources.azure import AzureSource
from aibtui.sources.target import Target

START = datetime(2026, 3, 1, 10, tzinfo=UTC)
SECRETS = {
    "validation.log": [b"hunter2-is-long", b"Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4", b"MIIEpAIBAAKCAQEA7f"],
    "notes.txt": [b"s3cr3t-in-a-note"],
}
FILES = {
    "validation.log": b"[a] PACKER ==> azure-arm: net use /user:x password=hunter2-is-long\n"
    b"AccountKey=Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4\n"
    b"-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA7f\n-----END RSA PRIVATE KEY-----\nthe end\n",
    "notes.txt": b"token: s3cr3t-in-a-note\n",
}


def emulator(scenario: str = "script-failed", **options: Any) -> Emulator:
    return Emulator(load_scenario(scenario), ScenarioClock(None, START), **options)


def target_of(server: Emulator) -> Target:
    return Target(server.subscription, server.group, server.template)


async def collect(server: Emulator, path: Path, info: RunInfo | None = None, **options: Any) -> Grabbed:
    steps = grab(
        target_of(server),
        info,
        Access({}, arm_endpoint=server.endpoint),
        Recordings(path / "state"),
        (),
        path / "out",
        now=server.clock.now,
        **options,
    )
    grabbed = None
    async for progress in steps:
        grabbed = progress.grabbed
    assert grabbed is not None
    return grabbed


async def watched(server: Emulator, path: Path) -> RunInfo:
    """The recording of a watch to the run's end."""
    kept = Recordings(path / "state")
    source = AzureSource(target_of(server), Access({}, arm_endpoint=server.endpoint), cursor=kept.cursor)
    async with Watch(source, lambda: Monitor(()), kept, server.clock) as watch:
        async for _ in watch.updates():
            pass
    return kept.list()[0]


def manifest(grabbed: Grabbed) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((grabbed.folder / "manifest.json").read_bytes())
    return told


def missing(grabbed: Grabbed) -> dict[str, str]:
    return {each["what"]: each["why"] for each in manifest(grabbed)["missing"]}


def packed(archive: Path) -> Mapping[str, bytes]:
    with zipfile.ZipFile(archive) as opened:
        assert opened.testzip() is None
        return {name.partition("/")[2]: opened.read(name) for name in opened.namelist()}


async def test_everything_that_is_there_is_collected_and_its_hashes_hold(tmp_path: Path) -> None:
    async with emulator("windows", more_files=FILES, earlier_runs=1) as server:
        await server.clock.sleep(timedelta(hours=4))
        grabbed = await collect(server, tmp_path)
        log = server.log_bytes()
    told = manifest(grabbed)
    assert grabbed.exit_code == 0
    assert {each["name"] for each in told["files"]} == {
        *("customization.log", "validation.log", "other-1.txt", "template.json", "run-outputs.json"),
        *("activity.json", "report.json", "report.txt", "run.json"),
    }
    assert (grabbed.folder / "raw" / "customization.log").read_bytes() == log
    for each in told["files"]:
        for path, size, digest in (
            (grabbed.folder / "raw" / each["name"], each["raw_bytes"], each["raw_sha256"]),
            (grabbed.folder / each["name"], each["bytes"], each["sha256"]),
        ):
            data = path.read_bytes()
            assert (len(data), hashlib.sha256(data).hexdigest()) == (size, digest)
    members = packed(grabbed.archive)
    for each in json.loads(members["manifest.json"])["files"]:
        data = members[each["name"]]
        assert (len(data), hashlib.sha256(data).hexdigest()) == (each["bytes"], each["sha256"])
    assert set(members) == {"manifest.json", *(each["name"] for each in told["files"])}
    assert told["started_by"]["caller"] == CALLER
    assert told["source_image"]["exact"].endswith(":26200.7171.251108")
    assert told["finished"]
    report = json.loads(members["report.json"])
    assert (report["schema"], report["outcome"]) == ("aibtui.report/1", "succeeded")
    (output,) = json.loads(members["run-outputs.json"])
    assert (output["of"], output["artifact"].rpartition("/")[2]) == ("this run", "1.0.1")
    assert set(missing(grabbed)) == {"container.log", "status-history.json"}


async def test_an_output_of_an_earlier_run_is_marked(tmp_path: Path) -> None:
    earlier = [load_scenario("windows")]
    async with emulator("windows", earlier_runs=earlier) as server:
        await server.clock.sleep(timedelta(minutes=30))
        grabbed = await collect(server, tmp_path)
    (output,) = json.loads((grabbed.folder / "run-outputs.json").read_bytes())
    assert output["of"] == "another run"
    assert (grabbed.folder / "container.log").stat().st_size > 10_000


async def test_the_zip_holds_no_secret_and_the_raw_files_are_for_the_owner_alone(tmp_path: Path) -> None:
    async with emulator(more_files=FILES) as server:
        await server.clock.sleep(timedelta(hours=1))
        grabbed = await collect(server, tmp_path)
        raw = await collect(server, tmp_path, redact=False)
    values = [secret for secrets in SECRETS.values() for secret in secrets]
    for name, data in packed(grabbed.archive).items():
        assert not [value for value in values if value in data], name
    assert {each["name"]: each["hidden"] for each in manifest(grabbed)["files"] if each["hidden"]} == {
        "validation.log": 3,
        "other-1.txt": 1,
    }
    assert b"the end" in packed(grabbed.archive)["validation.log"]
    assert b"sha256" in packed(grabbed.archive)["manifest.json"]
    assert b"raw_sha256" not in packed(grabbed.archive)["manifest.json"]
    assert packed(raw.archive)["validation.log"] == FILES["validation.log"]
    assert raw.archive != grabbed.archive
    for path in [grabbed.archive, *grabbed.folder.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


async def test_a_hostile_name_makes_no_path(tmp_path: Path) -> None:
    names = ["../../../../evil.log", "a/b/c.log", "-rf", "CON", "x\u202egol.log", "customization.log\\..\\up.log"]
    async with emulator(more_files={name: f"{place}\n".encode() for place, name in enumerate(names)}) as server:
        await server.clock.sleep(timedelta(hours=1))
        grabbed = await collect(server, tmp_path)
    made = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    folder = f"out/{grabbed.folder.name}"
    assert all(path.startswith((f"{folder}/", f"{folder}.zip")) for path in made)
    others = {
        each["original"].partition("/")[2]: each["name"] for each in manifest(grabbed)["files"] if each["original"]
    }
    assert {others[name].partition("-")[0] for name in names[1:]} == {"other"}
    assert names[0] not in others
    assert any("evil.log" in why for why in missing(grabbed).values())


async def test_a_second_grab_fetches_nothing_again(tmp_path: Path) -> None:
    async with emulator(more_files=FILES) as server:
        await server.clock.sleep(timedelta(hours=3))
        first = await collect(server, tmp_path)
        asked = len(server.requests)
        second = await collect(server, tmp_path)
        again = [served.path for served in server.requests[asked:]]
        (first.folder / "raw" / "validation.log").write_bytes(b"spoiled")
        await collect(server, tmp_path)
    assert not [path for path in again if path.endswith((".log", ".txt", "values", "runOutputs"))]
    assert manifest(second)["started_by"] == manifest(first)["started_by"]
    assert second.files == first.files
    assert (first.folder / "raw" / "validation.log").read_bytes() == FILES["validation.log"]


async def test_a_grab_that_was_killed_in_a_download_goes_on_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "aibtui.sources.blob.BlobTail.__init__.__kwdefaults__", {"log": "customization.log", "step": 9000}
    )
    async with emulator(more_files=FILES) as server:
        await server.clock.sleep(timedelta(hours=1))
        log = server.log_bytes()
        access = Access({}, arm_endpoint=server.endpoint)
        steps = grab(target_of(server), None, access, Recordings(tmp_path), (), tmp_path / "out")
        async for progress in steps:
            if progress.done and progress.done > 20_000:
                break
        await steps.aclose()
        asked = len(server.requests)
        grabbed = await collect(server, tmp_path)
        bytes_again = sum(s.body_bytes for s in server.requests[asked:] if s.path.endswith("customization.log"))
    assert (grabbed.folder / "raw" / "customization.log").read_bytes() == log
    assert bytes_again < len(log) - 10_000
    assert not [path for path in (grabbed.folder / "raw").iterdir() if path.name.startswith(".part")]


async def test_two_grabs_of_one_run_do_not_mix(tmp_path: Path) -> None:
    bundle = Bundle(tmp_path, "run")
    with pytest.raises(BundleTaken):
        Bundle(tmp_path, "run")
    bundle.close()
    Bundle(tmp_path, "run").close()


async def test_a_planted_link_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"mine")
    (tmp_path / "run" / "raw").mkdir(parents=True)
    (tmp_path / "run" / "raw" / "customization.log").symlink_to(victim)
    (tmp_path / "run" / "customization.log").symlink_to(victim)
    bundle = Bundle(tmp_path, "run")
    bundle.put("customization.log", b"other\n", origin="a test")
    bundle.finish(redact=True)
    bundle.close()
    assert victim.read_bytes() == b"mine"
    assert (tmp_path / "run" / "raw" / "customization.log").read_bytes() == b"other\n"


async def test_when_the_staging_group_is_gone_the_recording_is_taken_and_that_is_said(tmp_path: Path) -> None:
    async with emulator(blob_mode="vanish", moment=timedelta(minutes=10)) as server:
        info = await watched(server, tmp_path)
        grabbed = await collect(server, tmp_path)
    assert grabbed.exit_code == 0
    assert (grabbed.folder / "raw" / "customization.log").read_bytes() == (info.path / "customization.log").read_bytes()
    assert "staging group" in missing(grabbed)["the run's logs"]
    assert any("recorded" in note for note in grabbed.notes)
    states = [each["sub_state"] for each in json.loads((grabbed.folder / "status-history.json").read_bytes())]
    assert states[:3] == ["Queued", "Building", "Customizing"]


async def test_when_the_template_is_gone_its_recording_is_taken(tmp_path: Path) -> None:
    async with emulator(template_deleted_after=timedelta(hours=1)) as server:
        info = await watched(server, tmp_path)
        await server.clock.sleep(timedelta(hours=1))
        by_name = await collect(server, tmp_path)
        by_run = await collect(server, tmp_path, info)
    assert by_name.folder == by_run.folder
    assert by_name.exit_code == 0
    assert "There is no image template" in missing(by_name)["what Azure has"]
    assert json.loads((by_name.folder / "report.json").read_bytes())["outcome"] == "failed"


async def test_without_template_and_recording_it_is_refused(tmp_path: Path) -> None:
    async with emulator(template_deleted_after=timedelta(hours=1)) as server:
        await server.clock.sleep(timedelta(hours=2))
        with pytest.raises(CannotWatch) as refused:
            await collect(server, tmp_path)
    assert refused.value.exit_code == 3
    assert not (tmp_path / "out").exists()


async def test_absent_rights_are_told_in_the_manifest(tmp_path: Path) -> None:
    async with emulator() as server:
        await server.clock.sleep(timedelta(hours=1))
        server.fail_next("status", matching="eventtypes", code=403, error="AuthorizationFailed")
        server.fail_next("status", matching="customization.log", code=403, error="AuthorizationPermissionMismatch")
        grabbed = await collect(server, tmp_path)
    assert grabbed.exit_code == 4
    assert "may not read the Activity Log" in missing(grabbed)["activity.json"]
    (remedy,) = [each["remedy"] for each in manifest(grabbed)["missing"] if each["what"] == "customization.log"]
    assert "Storage Blob Data Reader" in remedy
    assert grabbed.archive.exists()


async def test_faults_that_pass_cost_nothing_but_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def at_once(seconds: float) -> None:
        return None

    async with emulator() as server:
        await server.clock.sleep(timedelta(hours=1))
        monkeypatch.setattr("aibtui.sources.collect.asyncio.sleep", at_once)
        server.fail_next("reset", matching="customization.log", after=5_000)
        server.fail_next("status", matching="runOutputs", times=2)
        grabbed = await collect(server, tmp_path)
        log = server.log_bytes()
    assert (grabbed.folder / "raw" / "customization.log").read_bytes() == log
    assert "run-outputs.json" not in missing(grabbed)


async def test_the_run_of_a_recording_is_collected_though_another_one_came_after(tmp_path: Path) -> None:
    async with emulator() as server:
        info = await watched(server, tmp_path)
        first = server.log_bytes()
        await server.clock.sleep(timedelta(hours=1))
        assert server._service.start_run() is not None
        await server.clock.sleep(timedelta(hours=1))
        assert server.log_bytes() != first
        (tmp_path / "out").mkdir()
        grabbed = await collect(server, tmp_path, info)
    told = manifest(grabbed)
    assert (grabbed.folder / "raw" / "customization.log").read_bytes() == first
    assert told["run"]["started_at"] == "2026-03-01T10:00:00Z"
    (log,) = [each for each in told["files"] if each["name"] == "customization.log"]
    assert log["original"].endswith("/customization.log")  # from Azure, where it still lies


def test_the_command_tells_where_the_zip_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from click.testing import CliRunner

    from aibtui.cli import main

    monkeypatch.setenv("AIBTUI_STATE_DIR", str(tmp_path / "state"))

    async def record() -> RunInfo:
        async with emulator() as server:
            return await watched(server, tmp_path)

    info = asyncio.run(record())
    done = CliRunner().invoke(
        main, ["grab", info.id, "--to", str(tmp_path / "out"), "--arm-endpoint", "http://127.0.0.1:1"]
    )
    assert done.exit_code == 0, done.output
    assert Path(done.stdout.strip()).is_file()
    assert "Azure could not be asked" in done.stderr
    unknown = CliRunner().invoke(main, ["grab", "no-such-run"])
    assert (unknown.exit_code, "aibtui runs" in unknown.stderr) == (3, True)


async def test_a_run_is_collected_while_it_is_watched(tmp_path: Path) -> None:
    async with emulator() as server:
        kept = Recordings(tmp_path / "state")
        access = Access({}, arm_endpoint=server.endpoint)
        source = AzureSource(target_of(server), access, cursor=kept.cursor)
        async with Watch(source, lambda: Monitor(()), kept, server.clock) as watch:
            async for update in watch.updates():
                if update.build.bytes > 50_000:
                    break
            grabbed = await collect(server, tmp_path)
            assert watch.run.kept
        log = server.log_bytes()
    assert (grabbed.folder / "raw" / "customization.log").read_bytes() == log
    assert json.loads((grabbed.folder / "report.json").read_bytes())["outcome"] == "running"
    assert (grabbed.folder / "container.log").stat().st_size >= len(log)
    assert not (grabbed.folder / "customization.recorded.log").exists()


async def test_what_was_recorded_of_a_log_that_was_replaced_is_collected_beside_it(tmp_path: Path) -> None:
    async with emulator(blob_mode="replace-shorter") as server:
        await watched(server, tmp_path)
        grabbed = await collect(server, tmp_path)
        log = server.log_bytes()
    assert (grabbed.folder / "raw" / "customization.log").read_bytes() == log
    assert (grabbed.folder / "raw" / "customization.replaced-1.log").stat().st_size > 1000


async def test_a_recording_without_a_log_and_no_way_to_azure_has_the_code_of_the_refusal(tmp_path: Path) -> None:
    async with emulator(template_deleted_after=timedelta(minutes=2)) as server:
        info = await watched(server, tmp_path)
        grabbed = await collect(server, tmp_path, info)
    assert (info.bytes, grabbed.exit_code) == (0, 3)
    assert "status-history.json" in {each["name"] for each in manifest(grabbed)["files"]}


def test_a_place_that_cannot_be_written_is_one_clear_refusal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from click.testing import CliRunner

    from aibtui.cli import main

    monkeypatch.setenv("AIBTUI_STATE_DIR", str(tmp_path / "state"))
    kept = Recordings(tmp_path / "state")
    run = kept.open("", START)
    kept.close()
    (tmp_path / "file").write_bytes(b"")
    refused = CliRunner().invoke(main, ["grab", run.id, "--to", str(tmp_path / "file" / "below")])
    assert refused.exit_code == 2
    assert "cannot be written" in refused.stderr
    assert "Traceback" not in refused.output
