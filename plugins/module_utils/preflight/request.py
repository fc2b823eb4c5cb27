"""What preflight is asked: the machines that are wanted, and the settings that they are to be made with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..common import names


@dataclass(frozen=True)
class MachineRequest:
    """A machine that is asked for. `volume_size` in GiB; `ami` "" means the default image.

    `has_password` is False for one that no user will log in to.
    """

    user: str
    instance: str
    network: str
    volume_size: int
    fleet: str = ""
    ami: str = ""
    has_password: bool = True


@dataclass(frozen=True)
class Settings:
    """What else is wanted; the options of fleet_preflight. `zone` is whatever was given, "" for none."""

    region: str
    zone: Any
    certificate_arn: str
    key_name: str
    private_key_file: str
    admin_cidr: str
    password_directory: str
    password_min_length: int
    image_parameter: str
    account_id: str = ""
    content_url: str = ""
    apt_repository_url: str = ""
    apt_repository_key: str = ""
    vault_password_file: str = ""

    @property
    def usable_zone(self) -> str:
        """The zone, "" when what was given is none."""
        try:
            names.check_zone(self.zone)
        except names.InvalidZone:
            return ""
        return str(self.zone)

    @property
    def stack_domain(self) -> str:
        """The domain below which users have their names, for a line of text also without a usable zone."""
        return names.stack_domain(self.usable_zone or "<zone>")
