"""The requested machines and the settings of the account."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from ..common import names

USUAL_TIME = timedelta(days=30)
"""Time that a machine without `expires` is taken to be needed."""


@dataclass(frozen=True)
class MachineRequest:
    """A requested machine: `volume_size` in GiB; `ami` "" means the default image.

    `expires` is the date of its tag, "" for none. `cpu_credits` "" means AWS's own for the type.
    `has_password` is False for a machine without user logins.
    """

    user: str
    instance: str
    network: str
    volume_size: int
    fleet: str = ""
    ami: str = ""
    has_password: bool = True
    cpu_credits: str = ""
    expires: str = ""


@dataclass(frozen=True)
class Settings:
    """The settings of all machines.

    `zone` and `admin_cidr` are unchecked, "" for none.
    """

    region: str
    zone: Any
    certificate_arn: str
    key_name: str
    private_key_file: str
    admin_cidr: Any
    password_directory: str
    password_min_length: int
    image_parameter: str
    account_id: str = ""
    content_url: str = ""
    content_checksum: str = ""
    allow_plain_http: bool = False
    apt_repository_url: str = ""
    apt_repository_key: str = ""
    address_service: str = ""
    dns_resolver: str = ""
    passwords_required: bool = True

    @property
    def usable_zone(self) -> str:
        """The zone, "" when the given value is invalid."""
        try:
            names.check_zone(self.zone)
        except names.InvalidZone:
            return ""
        return str(self.zone)

    @property
    def stack_domain(self) -> str:
        """The parent domain of all host names, with `<zone>` in it when no zone is usable."""
        return names.stack_domain(self.usable_zone or "<zone>")


def end_of(requests: Iterable[MachineRequest]) -> datetime:
    """Return the time until which the machines are needed.

    That is the latest `expires`, or USUAL_TIME from now.
    """
    usual = datetime.now(UTC) + USUAL_TIME
    return max((_end(request.expires, usual) for request in requests), default=usual)


def _end(expires: str, usual: datetime) -> datetime:
    """Return the end of the day `expires`, `usual` for what is no date."""
    try:
        return datetime.fromisoformat(expires).replace(tzinfo=UTC) + timedelta(days=1)
    except ValueError:
        return usual
