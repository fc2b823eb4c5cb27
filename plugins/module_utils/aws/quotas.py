"""AWS service quotas that limit a fleet. Reads only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .errors import error_code


@dataclass(frozen=True)
class Quota:
    """A quota of Service Quotas.

    `default` is its value in a new account, 0 when that varies.
    """

    name: str
    service: str
    code: str
    default: int = 0


VPCS = Quota("VPCs", "vpc", "L-F678F1CE", 5)
INTERNET_GATEWAYS = Quota("internet gateways", "vpc", "L-A4707A72", 5)
LOAD_BALANCERS = Quota("application load balancers", "elasticloadbalancing", "L-53DA6B97", 50)
RULES = Quota("rules per load balancer", "elasticloadbalancing", "L-7EED9B64", 100)
TARGET_GROUPS = Quota("target groups per load balancer", "elasticloadbalancing", "L-822D1B1B", 100)
STACKS = Quota("CloudFormation stacks", "cloudformation", "L-0485CB21", 2000)

STANDARD_VCPUS = Quota("vCPUs of running standard instances", "ec2", "L-1216C47A")
_VCPU_QUOTAS = {
    **dict.fromkeys(("a", "c", "d", "h", "i", "m", "r", "t", "z"), STANDARD_VCPUS),
    "g": Quota("vCPUs of running G and VT instances", "ec2", "L-DB2E81BA"),
    "vt": Quota("vCPUs of running G and VT instances", "ec2", "L-DB2E81BA"),
    "p": Quota("vCPUs of running P instances", "ec2", "L-417A185B"),
    "x": Quota("vCPUs of running X instances", "ec2", "L-7295265B"),
}


def vcpu_quota(instance_type: str) -> Quota | None:
    """Return the vCPU quota of an instance type, None for rare families."""
    family = instance_type.split(".", 1)[0].split("-", 1)[0]
    letters = family[: next((index for index, char in enumerate(family) if char.isdigit()), len(family))]
    # im4gn and is4gen are storage machines (I), inf and trn are not; hpc is no H, dl is no D, mac is no M.
    return _VCPU_QUOTAS.get("i" if letters in ("im", "is") else letters)


@dataclass(frozen=True)
class Need:
    """The demand on a quota: `used` now and `needed` in addition.

    `whose` names the owner of the quota, "" for the whole account.
    """

    quota: Quota
    used: int
    needed: int
    whose: str = ""


@dataclass
class Quotas:
    """Limits of the account, each read once; `notes` record failed reads.

    `client` is botocore's client of service-quotas.
    """

    client: Any
    explain: Callable[[BaseException], str]
    errors: tuple[type[Exception], ...]
    notes: list[str] = field(default_factory=list)
    _limits: dict[str, int | None] = field(default_factory=dict)

    def limit(self, quota: Quota) -> int | None:
        """Return the account's limit, else AWS's default, else None."""
        if quota.code not in self._limits:
            self._limits[quota.code] = self._ask(quota)
        return self._limits[quota.code]

    def _ask(self, quota: Quota) -> int | None:
        request = {"ServiceCode": quota.service, "QuotaCode": quota.code}
        try:
            try:
                answer = self.client.get_service_quota(**request)
            except self.errors as error:
                # A quota that was never changed may have no applied value.
                if error_code(error) != "NoSuchResourceException":
                    raise
                answer = self.client.get_aws_default_service_quota(**request)
            return int(answer["Quota"]["Value"])
        except self.errors as error:
            assumed = f"AWS's default of {quota.default} is assumed" if quota.default else "it is not checked"
            self.notes.append(f"quota of {quota.name} ({quota.code}): {self.explain(error)}; {assumed}")
            return quota.default or None


def as_data(need: Need, limit: int | None) -> dict[str, Any]:
    """Return `need` and its limit as plain data."""
    name = f"{need.quota.name} ({need.whose})" if need.whose else need.quota.name
    return {"name": name, "code": need.quota.code, "used": need.used, "needed": need.needed, "limit": limit}
