"""The account and region behind the credentials, and the banner that names them."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from .client import AwsClients
from .errors import explain
from .module import AwsModule
from .prices import PRICE_LIST_REGION, PriceList


@dataclass(frozen=True)
class AwsAccount:
    """An AWS account and region with clients to read from them."""

    clients: AwsClients
    id: str
    rehearsal: bool

    @property
    def region(self) -> str:
        """The region."""
        return self.clients.region

    @property
    def banner(self) -> str:
        """The line that names the account and region."""
        return banner(self.id, self.region, self.rehearsal)

    def price_list(self, cache: str | None) -> PriceList:
        """Return the region's prices, cached in the file `cache` if given."""
        path, pricing = Path(cache) if cache else None, lambda: self.clients.client("pricing", PRICE_LIST_REGION)
        return PriceList(pricing, self.region, path, explain, self.clients.errors)


def resolve_account(module: AwsModule, account_id: str) -> AwsAccount:
    """Return the account and region of `module`.

    Fails the module when the account is not `account_id` ("" accepts any). Raises botocore's errors.
    """
    clients = module.clients()
    sts = clients.client("sts")
    account = str(clients.read("sts", "get_caller_identity")["Account"])
    if account_id not in ("", account):
        module.fail_json(
            msg=f"the credentials belong to account {account}, not to {account_id}: change the profile, "
            "or account_id in group_vars/all"
        )
    return AwsAccount(clients, account, is_rehearsal(sts.meta.endpoint_url))


def is_rehearsal(endpoint_url: str) -> bool:
    """Return whether the AWS endpoint is a local one, that is the rehearsal's."""
    host = urlsplit(endpoint_url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def banner(account: str, region: str, rehearsal: bool) -> str:
    """Return the line that names the account and region."""
    where = f"account {account or 'unknown'}, region {region or 'unknown'}"
    return f"REHEARSAL, no real account: {where}" if rehearsal else f"AWS {where}"
