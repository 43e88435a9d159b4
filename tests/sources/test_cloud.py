"""Which hosts may be spoken to."""

from __future__ import annotations

import pytest

from aibtui.sources import CannotWatch
from aibtui.sources.cloud import choose_endpoint


@pytest.mark.parametrize(
    ("cloud", "arm"),
    [
        ("public", "https://management.azure.com"),
        ("usgov", "https://management.usgovcloudapi.net"),
        ("china", "https://management.chinacloudapi.cn"),
    ],
)
def test_each_cloud_has_its_arm(cloud: str, arm: str) -> None:
    endpoint = choose_endpoint(None, cloud)
    assert (endpoint.arm, endpoint.emulator) == (arm, False)


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080", "http://localhost:1/", "http://[::1]:99", "http://127.9.9.9"])
def test_http_on_loopback_is_an_emulator(url: str) -> None:
    endpoint = choose_endpoint(url, "public")
    assert (endpoint.arm, endpoint.emulator) == (url.rstrip("/"), True)


def test_https_elsewhere_is_no_emulator() -> None:
    endpoint = choose_endpoint("https://arm.example.test:8443", "public")
    assert (endpoint.arm, endpoint.emulator) == ("https://arm.example.test:8443", False)


@pytest.mark.parametrize(
    "url",
    [
        "http://10.0.0.1",
        "http://example.test",
        "http://127.0.0.1.example.test",
        "http://localhost.example.test",
        "ftp://127.0.0.1",
        "127.0.0.1:99",
        "http://user@127.0.0.1",
        "http://127.0.0.1:99/path",
        "http://127.0.0.1:999999",
        "http://",
    ],
)
def test_http_elsewhere_and_what_is_no_address_are_refused(url: str) -> None:
    with pytest.raises(CannotWatch) as raised:
        choose_endpoint(url, "public")
    assert raised.value.exit_code == 2


def test_an_unknown_cloud_is_refused() -> None:
    with pytest.raises(CannotWatch, match="There is no cloud 'moon'"):
        choose_endpoint(None, "moon")


@pytest.mark.parametrize(
    ("cloud", "url", "account"),
    [
        ("public", "https://abc123.blob.core.windows.net/", "https://abc123.blob.core.windows.net"),
        ("public", "https://abc123.z22.blob.storage.azure.net/", "https://abc123.z22.blob.storage.azure.net"),
        ("usgov", "https://abc123.blob.core.usgovcloudapi.net/", "https://abc123.blob.core.usgovcloudapi.net"),
        ("china", "https://abc123.blob.core.chinacloudapi.cn", "https://abc123.blob.core.chinacloudapi.cn"),
    ],
)
def test_a_blob_endpoint_of_the_cloud_is_used(cloud: str, url: str, account: str) -> None:
    assert choose_endpoint(None, cloud).blob_account(url, "abc123") == (account, "abc123")


@pytest.mark.parametrize(
    "url",
    [
        "http://abc123.blob.core.windows.net/",
        "https://abc123.blob.core.windows.net.example.test/",
        "https://abc123.blob.core.windows.net@example.test/",
        "https://user:word@abc123.blob.core.windows.net/",
        "https://abc123.blob.core.windows.net:444/",
        "https://abc123.blob.core.windows.net/?sig=x",
        "https://abc123.blob.core.windows.net/path",
        "https://abc123.blob.core.usgovcloudapi.net/",
        "https://a.b.blob.core.windows.net/",
        "https://example.test\\.blob.core.windows.net/",
        "https://127.0.0.1:9/",
        "",
    ],
)
def test_a_blob_endpoint_elsewhere_gets_nothing(url: str) -> None:
    with pytest.raises(ValueError, match="blob endpoint"):
        choose_endpoint(None, "public").blob_account(url, "abc123")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:10000/devstoreaccount1", ("http://127.0.0.1:10000/devstoreaccount1", "devstoreaccount1")),
        ("http://127.0.0.1:10000/logs/", ("http://127.0.0.1:10000/logs", "logs")),
        ("http://localhost:10000/", ("http://localhost:10000", "named")),
    ],
)
def test_an_emulator_names_its_account_in_the_path_or_to_arm(url: str, expected: tuple[str, str]) -> None:
    assert choose_endpoint("http://127.0.0.1:1", "public").blob_account(url, "named") == expected


@pytest.mark.parametrize("url", ["https://abc123.blob.core.windows.net/", "http://10.0.0.1/logs"])
def test_an_emulators_account_is_on_loopback_too(url: str) -> None:
    with pytest.raises(ValueError, match="not on loopback"):
        choose_endpoint("http://127.0.0.1:1", "public").blob_account(url, "abc123")
