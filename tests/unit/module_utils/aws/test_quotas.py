"""Quotas: the right one for a machine's family.

A limit that cannot be read is a note and does not stop the command.
"""

from typing import Any

import pytest
from ansible_collections.probcomp.stack.plugins.module_utils.aws import quotas
from ansible_collections.probcomp.stack.plugins.module_utils.aws.errors import explain
from botocore.exceptions import ClientError


class FakeServiceQuotas:
    """A fake with literal quotas: applied values, defaults, or one error code.

    The error code applies to all.
    """

    def __init__(self, applied: dict[str, float], defaults: dict[str, float], refuse: str = "") -> None:
        self.applied, self.defaults, self.refuse = applied, defaults, refuse
        self.calls = 0

    def get_service_quota(self, ServiceCode: str, QuotaCode: str) -> dict[str, Any]:
        return self._answer("GetServiceQuota", self.applied, QuotaCode)

    def get_aws_default_service_quota(self, ServiceCode: str, QuotaCode: str) -> dict[str, Any]:
        return self._answer("GetAWSDefaultServiceQuota", self.defaults, QuotaCode)

    def _answer(self, operation: str, values: dict[str, float], code: str) -> dict[str, Any]:
        self.calls += 1
        problem = self.refuse or ("" if code in values else "NoSuchResourceException")
        if problem:
            raise ClientError({"Error": {"Code": problem, "Message": "no"}}, operation)
        return {"Quota": {"QuotaCode": code, "Value": values[code]}}


@pytest.mark.parametrize(
    ("instance_type", "code"),
    [
        ("t3.medium", "L-1216C47A"),
        ("c5.4xlarge", "L-1216C47A"),
        ("m7i-flex.large", "L-1216C47A"),
        ("im4gn.large", "L-1216C47A"),
        ("g5.xlarge", "L-DB2E81BA"),
        ("vt1.3xlarge", "L-DB2E81BA"),
        ("p4d.24xlarge", "L-417A185B"),
        ("x2iedn.xlarge", "L-7295265B"),
        ("u-6tb1.56xlarge", None),
        ("inf2.xlarge", None),
        ("hpc7a.12xlarge", None),
        ("mac2.metal", None),
    ],
)
def test_a_family_counts_for_its_own_quota(instance_type: str, code: str | None) -> None:
    found = quotas.vcpu_quota(instance_type)
    assert (found.code if found else None) == code


def test_limits_are_applied_else_default_and_asked_once() -> None:
    fake = FakeServiceQuotas({"L-1216C47A": 16.0}, {"L-F678F1CE": 5.0})
    limits = quotas.Quotas(fake, explain, (ClientError,))
    assert [limits.limit(quotas.STANDARD_VCPUS) for _ in range(3)] == [16, 16, 16] and fake.calls == 1
    assert limits.limit(quotas.VPCS) == 5 and limits.notes == []


def test_a_denied_quota_is_a_note() -> None:
    limits = quotas.Quotas(FakeServiceQuotas({}, {}, "AccessDeniedException"), explain, (ClientError,))
    assert (limits.limit(quotas.STANDARD_VCPUS), limits.limit(quotas.RULES)) == (None, 100)
    assert len(limits.notes) == 2 and "do not allow GetServiceQuota" in limits.notes[0]
    assert "not checked" in limits.notes[0] and "default of 100 is assumed" in limits.notes[1]
