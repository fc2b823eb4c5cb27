"""Imitate the part of the Service Quotas API that preflight reads.

moto's knows VPC quotas only. The API gateway routes `servicequotas` requests here. Tests set a quota too small with
`override`.
"""

from pathlib import Path
from typing import Any

import yaml
from moto.core.responses import ActionResult, BaseResponse

from rehearsal.api.errors import AwsError
from rehearsal.settings import SETTINGS

DATA = Path(__file__).parents[1] / "data" / "quotas.yml"
STANDARD_VCPUS = ("ec2", "L-1216C47A")

_services: dict[str, Any] = yaml.safe_load(DATA.read_text())
_overrides: dict[tuple[str, str], float] = {}


def override(service: str, code: str, value: float) -> None:
    """Set the account's applied quota to this value.

    Raises KeyError for a quota that is not known.
    """
    if code not in _services[service]["quotas"]:
        raise KeyError(code)
    _overrides[service, code] = value


def reset() -> None:
    """Remove all overrides."""
    _overrides.clear()


def applied(service: str, code: str) -> float:
    """Return the account's applied quota; raise KeyError for an unknown one."""
    default = _services[service]["quotas"][code]["value"]
    if (service, code) == STANDARD_VCPUS:
        default = SETTINGS.vcpu_quota
    return float(_overrides.get((service, code), default))


class ServiceQuotasApi(BaseResponse):
    """The actions that read quotas.

    Requests for an increase are refused as not implemented.
    """

    def __init__(self) -> None:
        super().__init__(service_name="service-quotas")
        self.automated_parameter_parsing = True

    def get_service_quota(self) -> ActionResult:
        """Return the applied value of one quota."""
        service, code = self._one()
        return ActionResult({"Quota": self._describe(service, code, default=False)})

    def get_aws_default_service_quota(self) -> ActionResult:
        """Return AWS's default of one quota."""
        service, code = self._one()
        return ActionResult({"Quota": self._describe(service, code, default=True)})

    def _one(self) -> tuple[str, str]:
        service, code = str(self._get_param("ServiceCode")), str(self._get_param("QuotaCode"))
        if code not in self._quotas(service):
            raise AwsError("NoSuchResourceException", f"The request failed because the quota {code} is unknown.")
        return service, code

    @staticmethod
    def _quotas(service: str) -> dict[str, Any]:
        if service not in _services:
            raise AwsError("NoSuchResourceException", f"The request failed because {service} is unknown.")
        quotas: dict[str, Any] = _services[service]["quotas"]
        return quotas

    def _describe(self, service: str, code: str, default: bool) -> dict[str, Any]:
        quota = _services[service]["quotas"][code]
        owner = "" if default else self.current_account
        return {
            "ServiceCode": service,
            "ServiceName": _services[service]["name"],
            "QuotaArn": f"arn:aws:servicequotas:{self.region}:{owner}:{service}/{code}",
            "QuotaCode": code,
            "QuotaName": quota["name"],
            "Value": float(quota["value"]) if default else applied(service, code),
            "Unit": "None",
            "Adjustable": quota["adjustable"],
            "GlobalQuota": False,
            "QuotaAppliedAtLevel": "ACCOUNT",
        }
