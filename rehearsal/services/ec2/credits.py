"""Give burstable instances a credit specification of their own.

moto answers with a constant.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/burstable-performance-instances-unlimited-mode-concepts.html
T3, T3a and T4g start as unlimited, T2 as standard, and other types have none.
"""

from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.models.instances import Instance, InstanceBackend, Reservation
from moto.ec2.responses.instances import InstanceResponse

from rehearsal.api.errors import AwsError

DEFAULTS = {"t2": "standard", "t3": "unlimited", "t3a": "unlimited", "t4g": "unlimited"}
"""Credits of a launch that does not say, by instance family."""


def install() -> None:
    """Install the hooks in moto's classes."""
    run_instances = InstanceResponse.run_instances
    launch = InstanceBackend.run_instances

    def run_with_credits(self: InstanceResponse) -> ActionResult:
        asked = (self._get_param("CreditSpecification") or {}).get("CpuCredits")
        instance_type = self._get_param("InstanceType") or "m1.small"
        if asked:
            _check(instance_type, asked)
        self.ec2_backend.asked_credits = asked  # until the backend launches, below
        return run_instances(self)

    def launch_with_credits(self: Any, *args: Any, **kwargs: Any) -> Reservation:
        reservation = launch(self, *args, **kwargs)
        for instance in reservation.instances:
            vars(instance)["cpu_credits"] = getattr(self, "asked_credits", None)
        self.asked_credits = None
        return reservation

    def modify(self: InstanceResponse) -> ActionResult:
        done = []
        for item in self._get_param("InstanceCreditSpecifications", []):
            instance = self.ec2_backend.get_instance(item["InstanceId"])
            _check(instance.instance_type, item["CpuCredits"])
            vars(instance)["cpu_credits"] = item["CpuCredits"]
            done.append({"InstanceId": instance.id})
        return ActionResult(
            {"SuccessfulInstanceCreditSpecifications": done, "UnsuccessfulInstanceCreditSpecifications": []}
        )

    def describe(self: InstanceResponse) -> ActionResult:
        # Without ids, EC2 returns only those that are unlimited.
        ids = self._get_param("InstanceIds", [])
        instances = self.ec2_backend.get_multi_instances_by_id(ids) if ids else self.ec2_backend.all_instances()
        for instance in instances if ids else []:
            _check(instance.instance_type, "standard")
        found = [(instance, of(instance)) for instance in instances if instance.state != "terminated"]
        listed = [
            {"InstanceId": instance.id, "CpuCredits": credits}
            for instance, credits in found
            if credits and (ids or credits == "unlimited")
        ]
        return ActionResult({"InstanceCreditSpecifications": listed})

    InstanceResponse.run_instances = run_with_credits
    InstanceBackend.run_instances = launch_with_credits
    InstanceResponse.modify_instance_credit_specification = modify  # type: ignore[attr-defined]
    # mypy objects because moto's argument is called self, and a Callable's has no name.
    InstanceResponse.describe_instance_credit_specifications = describe


def of(instance: Instance) -> str:
    """Return an instance's credits, "" for a type that has none."""
    default = DEFAULTS.get(instance.instance_type.partition(".")[0], "")
    return default and str(vars(instance).get("cpu_credits") or default)


def _check(instance_type: str, asked: str) -> None:
    if instance_type.partition(".")[0] not in DEFAULTS:
        message = f"The instance type '{instance_type}' does not support a credit specification."
        raise AwsError("InvalidParameterCombination", message)
    if asked not in ("standard", "unlimited"):
        raise AwsError("InvalidParameterValue", f"Invalid value '{asked}' for CpuCredits.")
