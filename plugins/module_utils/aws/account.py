"""Where a reading command acts: the account and region behind its credentials, and the line that says so first."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from .client import AwsClients
from .errors import CLIENT_SETTINGS, explain
from .prices import PRICE_LIST_REGION, PriceList


@dataclass(frozen=True)
class AwsAccount:
    """An account and region that may be read."""

    clients: AwsClients
    id: str
    rehearsal: bool

    @property
    def region(self) -> str:
        """The region."""
        return self.clients.region

    @property
    def banner(self) -> str:
        """The first line of a command's output."""
        return banner(self.id, self.region, self.rehearsal)

    def price_list(self, cache: str | None, errors: tuple[type[Exception], ...]) -> PriceList:
        """Return the region's prices, kept in the file `cache` (none when empty); `errors` are AWS's."""
        path = Path(cache) if cache else None
        return PriceList(lambda: self.clients.client("pricing", PRICE_LIST_REGION), self.region, path, explain, errors)


def resolve_account(module: Any, account_id: str) -> AwsAccount:
    """Return where `module` (an AnsibleAWSModule) acts; fails it when that is not `account_id` ("" for any).

    Raises the errors of AWS.
    """
    clients = AwsClients(
        lambda service, region: module.client(service, region=region, config=CLIENT_SETTINGS), module.region or ""
    )
    sts = clients.client("sts")
    account = str(clients.read("sts", "get_caller_identity")["Account"])
    if account_id not in ("", account):
        module.fail_json(
            msg=f"the credentials belong to account {account}, not to {account_id}: change the profile, "
            "or account_id in group_vars/all"
        )
    return AwsAccount(clients, account, is_rehearsal(sts.meta.endpoint_url))


def is_rehearsal(endpoint_url: str) -> bool:
    """Tell whether AWS is asked at an address of this computer: the rehearsal's."""
    host = urlsplit(endpoint_url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def banner(account: str, region: str, rehearsal: bool) -> str:
    """Return the line that says where a command acts."""
    where = f"account {account or 'unknown'}, region {region or 'unknown'}"
    return f"REHEARSAL, no real account: {where}" if rehearsal else f"AWS {where}"
