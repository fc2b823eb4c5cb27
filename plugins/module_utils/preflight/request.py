"""The requested machines and the settings of the account."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..common import names


@dataclass(frozen=True)
class MachineRequest:
    """A requested machine: `volume_size` in GiB; `ami` "" means the default image.

    `cpu_credits` "" means AWS's own for the type. `has_password` is False for a machine without user logins.
    """

    user: str
    instance: str
    network: str
    volume_size: int
    fleet: str = ""
    ami: str = ""
    has_password: bool = True
    cpu_credits: str = ""


@dataclass(frozen=True)
class Settings:
    """The settings of all machines; `zone` and `admin_cidr` are unchecked, "" for none."""

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
    vault_password_file: str = ""

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
        """The parent domain of host names, with a placeholder without a usable zone."""
        return names.stack_domain(self.usable_zone or "<zone>")
