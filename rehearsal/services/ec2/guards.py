"""Give the region VPC Block Public Access and Allowed AMIs, which moto lacks.

https://docs.aws.amazon.com/vpc/latest/userguide/security-vpc-bpa.html
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-allowed-amis.html
"""

from typing import Any

from moto.core.responses import ActionResult
from moto.core.utils import utcnow
from moto.ec2.models.instances import InstanceBackend
from moto.ec2.responses.amis import AmisResponse
from moto.ec2.responses.instances import InstanceResponse

from rehearsal.api.errors import AwsError


def install() -> None:
    """Install the hooks in moto's classes, once."""
    if getattr(InstanceResponse, "get_allowed_images_settings", None) is _get_allowed:
        return
    run_instances = InstanceBackend.run_instances
    describe_images = AmisResponse.describe_images

    def run_allowed(self: Any, image_id: str, *args: Any, **kwargs: Any) -> Any:
        image = self.amis.get(image_id)
        if image and _allowed(self)["State"] == "enabled" and not _is_allowed(self, image):
            # As for an image that does not exist: the account cannot discover it.
            raise AwsError("InvalidAMIID.NotFound", f"The image id '[{image_id}]' does not exist")
        return run_instances(self, image_id, *args, **kwargs)

    def describe_allowed(self: AmisResponse) -> ActionResult:
        backend = self.ec2_backend
        state = _allowed(backend)["State"]
        for image in backend.amis.values():
            image.image_allowed = None if state == "disabled" else _is_allowed(backend, image)
        answer = describe_images(self)
        result: Any = answer.result
        if state == "enabled":
            result["Images"] = [image for image in result["Images"] if image.image_allowed]
        return answer

    InstanceBackend.run_instances = run_allowed
    AmisResponse.describe_images = describe_allowed
    for name, answer in _ANSWERS.items():
        setattr(InstanceResponse, name, answer)


def _allowed(backend: Any) -> dict[str, Any]:
    """Return the region's setting Allowed AMIs; it is off by default."""
    settings: dict[str, Any] = vars(backend).setdefault("allowed_images", {"State": "disabled", "ImageCriteria": []})
    return settings


def _is_allowed(backend: Any, image: Any) -> bool:
    """Return whether the image is the account's own or an allowed provider's.

    Criteria of the setting Allowed AMIs name such providers.
    """
    names = {image.owner_id, image.owner_alias}
    providers = {name for item in _allowed(backend)["ImageCriteria"] for name in item.get("ImageProviders", [])}
    return image.owner_id == backend.account_id or bool(names & providers)


def _public_access(backend: Any) -> dict[str, Any]:
    """Return the region's VPC Block Public Access; it is off by default."""
    default = {"InternetGatewayBlockMode": "off", "State": "default-state", "ExclusionsAllowed": "allowed"}
    options: dict[str, Any] = vars(backend).setdefault("public_access", {"Options": default, "Exclusions": []})
    return options


def _get_allowed(self: InstanceResponse) -> ActionResult:
    return ActionResult({**_allowed(self.ec2_backend), "ManagedBy": "account"})


def _enable_allowed(self: InstanceResponse) -> ActionResult:
    state = self._get_param("AllowedImagesSettingsState")
    _allowed(self.ec2_backend)["State"] = state
    return ActionResult({"AllowedImagesSettingsState": state})


def _disable_allowed(self: InstanceResponse) -> ActionResult:
    _allowed(self.ec2_backend)["State"] = "disabled"
    return ActionResult({"AllowedImagesSettingsState": "disabled"})


def _replace_criteria(self: InstanceResponse) -> ActionResult:
    _allowed(self.ec2_backend)["ImageCriteria"] = self._get_param("ImageCriteria", [])
    return ActionResult({"ReturnValue": True})


def _options(self: InstanceResponse) -> ActionResult:
    backend = self.ec2_backend
    place = {"AwsAccountId": backend.account_id, "AwsRegion": backend.region_name, "ManagedBy": "account"}
    return ActionResult({"VpcBlockPublicAccessOptions": {**_public_access(backend)["Options"], **place}})


def _modify_options(self: InstanceResponse) -> ActionResult:
    options = _public_access(self.ec2_backend)["Options"]
    options |= {"InternetGatewayBlockMode": self._get_param("InternetGatewayBlockMode"), "State": "update-complete"}
    return _options(self)


def _exclusions(self: InstanceResponse) -> ActionResult:
    return ActionResult({"VpcBlockPublicAccessExclusions": _public_access(self.ec2_backend)["Exclusions"]})


def _create_exclusion(self: InstanceResponse) -> ActionResult:
    backend = self.ec2_backend
    vpc, subnet = self._get_param("VpcId"), self._get_param("SubnetId")
    found = _public_access(backend)["Exclusions"]
    resource = f"vpc/{vpc}" if vpc else f"subnet/{subnet}"
    made = {
        "ExclusionId": f"vpcbpa-exclude-{len(found):017x}",
        "InternetGatewayExclusionMode": self._get_param("InternetGatewayExclusionMode"),
        "ResourceArn": f"arn:aws:ec2:{backend.region_name}:{backend.account_id}:{resource}",
        "State": "create-complete",
        "CreationTimestamp": utcnow(),
    }
    found.append(made)
    return ActionResult({"VpcBlockPublicAccessExclusion": made})


_ANSWERS = {
    "get_allowed_images_settings": _get_allowed,
    "enable_allowed_images_settings": _enable_allowed,
    "disable_allowed_images_settings": _disable_allowed,
    "replace_image_criteria_in_allowed_images_settings": _replace_criteria,
    "describe_vpc_block_public_access_options": _options,
    "modify_vpc_block_public_access_options": _modify_options,
    "describe_vpc_block_public_access_exclusions": _exclusions,
    "create_vpc_block_public_access_exclusion": _create_exclusion,
}
