"""Which hosts may be spoken to: the clouds of Azure, an emulator on loopback, and nothing else."""

from __future__ import annotations

import re
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from msgspec import Struct

from aibtui.sources import CannotWatch

STORAGE_SCOPE = "https://storage.azure.com/.default"
# The account key that Azurite and every other local emulator knows; Microsoft publishes it.
EMULATOR_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


class Cloud(Struct, frozen=True):
    """One of Azure's clouds. `setting` is its name in azure.core.AzureClouds, `az` that in the Azure CLI.

    `blob` are the patterns of its blob hosts, `blob_suffix` what stands behind an account's name in the plain one.
    """

    name: str
    setting: str
    az: str
    arm: str
    arm_scope: str
    authority: str
    blob_suffix: str
    blob: tuple[str, ...]


CLOUDS = {
    cloud.name: cloud
    for cloud in (
        Cloud(
            "public",
            "AZURE_PUBLIC_CLOUD",
            "AzureCloud",
            "https://management.azure.com",
            "https://management.azure.com/.default",
            "login.microsoftonline.com",
            "blob.core.windows.net",
            (r"[a-z0-9]{3,24}\.blob\.core\.windows\.net", r"[a-z0-9]{3,24}\.z[0-9]{1,2}\.blob\.storage\.azure\.net"),
        ),
        Cloud(
            "usgov",
            "AZURE_US_GOVERNMENT",
            "AzureUSGovernment",
            "https://management.usgovcloudapi.net",
            "https://management.core.usgovcloudapi.net/.default",
            "login.microsoftonline.us",
            "blob.core.usgovcloudapi.net",
            (r"[a-z0-9]{3,24}\.blob\.core\.usgovcloudapi\.net",),
        ),
        Cloud(
            "china",
            "AZURE_CHINA_CLOUD",
            "AzureChinaCloud",
            "https://management.chinacloudapi.cn",
            "https://management.chinacloudapi.cn/.default",
            "login.chinacloudapi.cn",
            "blob.core.chinacloudapi.cn",
            (r"[a-z0-9]{3,24}\.blob\.core\.chinacloudapi\.cn",),
        ),
    )
}


class Endpoint(Struct, frozen=True):
    """Where ARM answers. An emulator is on loopback, over http, and is given no credential."""

    arm: str
    cloud: Cloud
    emulator: bool

    def blob_account(self, url: str, account: str) -> tuple[str, str]:
        """The blob endpoint that ARM named, checked, and the account's name there. Raises ValueError for a foreign one.

        An emulator may put the account in the path; in the cloud the host must be one of the cloud's own.
        """
        parts = urlsplit(url.strip())
        if self.emulator:
            if parts.scheme not in ("http", "https") or not _loopback(parts):
                raise ValueError(f"the blob endpoint {url} is not on loopback, as the emulator is")
            path = parts.path.strip("/")
            return f"{parts.scheme}://{parts.netloc}/{path}".rstrip("/"), path.split("/")[0] or account
        host = parts.hostname or ""
        plain = parts.scheme == "https" and parts.netloc == host and parts.path in ("", "/") and not parts.query
        if not plain or not any(re.fullmatch(pattern, host) for pattern in self.cloud.blob):
            raise ValueError(f"the blob endpoint {url} is not one of the {self.cloud.name} cloud")
        return f"https://{host}", account

    def blob_endpoint(self, account: str) -> str:
        """The blob endpoint of an account by its name. Raises CannotWatch (2) for what cannot be one."""
        if not re.fullmatch(r"[a-z0-9]{3,24}", account):
            text = f"{account!r} cannot be the name of a storage account."
            raise CannotWatch(text, "It has 3 to 24 small letters and digits.", 2)
        return f"{self.arm}/{account}" if self.emulator else f"https://{account}.{self.cloud.blob_suffix}"

    def user_address(self, url: str) -> tuple[str, str]:
        """Scheme with host, and path, of a blob that the user named, in the cloud or on loopback. Raises ValueError."""
        if not url.isascii() or "\\" in url:
            raise ValueError("it holds what no address does")
        parts = urlsplit(url.strip())
        host = parts.hostname or ""
        if parts.username is not None or parts.fragment:
            raise ValueError("it holds more than an address and its signature")
        local = parts.scheme == "http" and _loopback(parts)
        named = parts.scheme == "https" and parts.netloc == host
        if not local and not (named and any(re.fullmatch(pattern, host) for pattern in self.cloud.blob)):
            raise ValueError(f"its host is not one of the {self.cloud.name} cloud's blob hosts")
        return f"{parts.scheme}://{parts.netloc}", parts.path


def choose_endpoint(arm_endpoint: str | None, cloud: str) -> Endpoint:
    """The ARM host to use. Raises CannotWatch (2) for a cloud or an address that cannot be meant."""
    if cloud not in CLOUDS:
        raise CannotWatch(f"There is no cloud {cloud!r}.", f"Choose one with --cloud: {', '.join(CLOUDS)}.", 2)
    chosen = CLOUDS[cloud]
    if not arm_endpoint:
        return Endpoint(chosen.arm, chosen, emulator=False)
    remedy = "Give https://HOST, or http://127.0.0.1:PORT for an emulator on this machine."
    try:
        parts = urlsplit(arm_endpoint)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        raise CannotWatch(f"The ARM endpoint {arm_endpoint!r} is not an address.", remedy, 2) from None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.path.strip("/"):
        raise CannotWatch(f"The ARM endpoint {arm_endpoint!r} is not an address of a host.", remedy, 2)
    if parts.scheme == "http" and not _loopback(parts):
        raise CannotWatch(
            f"The ARM endpoint {arm_endpoint!r} is http and not on this machine; nothing is sent there.", remedy, 2
        )
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return Endpoint(f"{parts.scheme}://{host}{port}", chosen, emulator=parts.scheme == "http")


def _loopback(parts: SplitResult) -> bool:
    host = parts.hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
