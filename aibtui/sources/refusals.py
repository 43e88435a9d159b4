"""Why signing in did not work, in one sentence, and what to do; of many reasons the one that the user can mend."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from aibtui.safetext import clean

LOG_IN: Final = "Sign in with: az login"
_LONGEST: Final = 300
_LONGEST_COMMAND: Final = 2000


class SignInFailed(Exception):
    """No way to sign in worked: why in one sentence, and what to do.

    `elsewhere` means that the subscription seems to belong to a tenant that nobody is signed in to.
    """

    def __init__(self, text: str, remedy: str, *, elsewhere: bool = False) -> None:
        super().__init__(text)
        self.text = text
        self.remedy = remedy
        self.elsewhere = elsewhere


class _Row(Struct, frozen=True):
    """What a refusal holds, as a pattern; what it means, and what to do. `{way}` is the way that was refused."""

    sign: str
    text: str
    remedy: str
    elsewhere: bool = False


_ROWS: Final = (
    _Row(
        r"AADSTS700024|AADSTS50013\b",
        "The assertion that the pipeline signed in with has expired.",
        "Let aibtui ask for its own: give it AZURE_CLIENT_ID and AZURE_TENANT_ID, in GitHub with id-token: write, "
        "in Azure Pipelines SYSTEM_ACCESSTOKEN.",
    ),
    _Row(
        r"AADSTS70021|AADSTS7002[0-9]{2}\b",
        "The application trusts no token of this pipeline.",
        "Ask its owner for a federated credential with the subject of this repository, branch or service connection.",
    ),
    _Row(r"AADSTS7000222", "The secret of the application has expired.", "Ask its owner for a new one."),
    _Row(r"AADSTS7000215", "The secret of the application is wrong.", "Check AZURE_CLIENT_SECRET."),
    _Row(
        r"AADSTS700016|AADSTS90002|AADSTS900023",
        "The application or its tenant is not there.",
        "Check AZURE_CLIENT_ID and AZURE_TENANT_ID.",
    ),
    _Row(
        r"AADSTS(?:50076|50078|50079|50158|53000|53001|53003|530003)\b",
        "An access policy of the tenant wants another sign-in: a second factor, or a known device.",
        "Sign in again with: az logout, then: az login",
    ),
    _Row(
        r"AADSTS(?:70043|70044|700082|700084|50173|50132|50133|50089|70008)\b",
        "The sign-in by {way} has expired.",
        LOG_IN,
    ),
    _Row(
        r"[Ss]ubscription (?:of )?'[^']*' (?:doesn't exist|not found)|AADSTS50020\b|AADSTS90072\b",
        "The sign-in by {way} does not know the subscription.",
        "Sign in to its tenant with: az login --tenant TENANT",
        elsewhere=True,
    ),
    _Row(
        r"Timed out waiting for Azure CLI", "The Azure CLI did not answer in time.", "Try: az account get-access-token"
    ),
    _Row(
        r"from where az is not run",
        "az was found in the current directory, from where it is not run.",
        "Go to another directory, or take the relative entry out of PATH.",
    ),
    _Row(r"Please run 'az login'|az account set", "The Azure CLI is not signed in.", LOG_IN),
    _Row(
        r"no response from the IMDS endpoint|No identity has been assigned|has not been assigned",
        "There is no managed identity here.",
        "Assign one to this machine, or sign in with: az login",
    ),
    _Row(r"Code expired|code_expired|AADSTS70020\b", "The device code was not used in time.", "Start again."),
    _Row(r"authorization_declined|AADSTS70000\b.*declined", "The sign-in by {way} was declined.", "Start again."),
    _Row(
        r"Azure CLI not found",
        "Nobody is signed in, and the Azure CLI (az) is not installed.",
        "Install it and sign in with: az login; or use --auth device, or a service principal's variables.",
    ),
)
_CLAIMS: Final = re.compile(r"az login --claims-challenge [\w+/=-]+(?: --tenant [\w.-]+)?(?: --scope [\w:/.-]+)?")


def failure(failures: Mapping[str, Exception]) -> SignInFailed:
    """What to say of all that was tried, by name: a refusal comes before what is merely not set up."""
    from azure.identity import CredentialUnavailableError

    refused = [each for each in failures.items() if not isinstance(each[1], CredentialUnavailableError)]
    name, error = (refused or list(failures.items()))[0]
    return _told(name, error)


def _told(name: str, error: Exception) -> SignInFailed:
    if isinstance(error, asyncio.TimeoutError):
        return SignInFailed(f"Signing in by {name} did not answer in time.", "Check network, VPN and proxy.")
    text = " ".join(str(error).split())
    if command := _CLAIMS.search(text):
        short = len(command[0]) <= _LONGEST_COMMAND
        remedy = f"Sign in again with: {command[0] if short else 'az logout, then: az login'}"
        return SignInFailed("Azure wants a fresh sign-in: its access policy has changed.", remedy)
    for row in _ROWS:
        if re.search(row.sign, text):
            return SignInFailed(row.text.format(way=name), row.remedy, elsewhere=row.elsewhere)
    return SignInFailed(f"Signing in by {name} failed: {_first_sentence(text)}", LOG_IN)


def _first_sentence(text: str) -> str:
    found = re.search(r"AADSTS\d+.*", text)
    return clean(re.split(r"(?<=[.!?]) |Trace ID", found[0] if found else text)[0], _LONGEST)
