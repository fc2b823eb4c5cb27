"""List the AWS calls that the rehearsal supports.

A call that is not listed here is refused, never answered in part.
"""

from fnmatch import fnmatchcase

_READS = ("Get*", "List*", "Describe*")

CARRIED: dict[str, tuple[str, ...]] = {
    "acm": (*_READS, "AddTagsToCertificate", "DeleteCertificate", "ImportCertificate", "RequestCertificate"),
    "cloudformation": (
        *_READS,
        "CreateChangeSet",
        "CreateStack",
        "DeleteChangeSet",
        "DeleteStack",
        "ExecuteChangeSet",
        "SetStackPolicy",
        "UpdateStack",
        "UpdateTerminationProtection",
        "ValidateTemplate",
    ),
    "ec2": (
        *_READS,
        "AuthorizeSecurityGroupIngress",
        "CreateImage",
        "CreateKeyPair",
        "CreateSecurityGroup",
        "CreateTags",
        "CreateVpcBlockPublicAccessExclusion",
        "DeleteKeyPair",
        "DeleteSecurityGroup",
        "DeleteSnapshot",
        "DeleteTags",
        "DeleteVolume",
        "DeleteVpcEndpoints",
        "DeregisterImage",
        "DisableAllowedImagesSettings",
        "EnableAllowedImagesSettings",
        "ImportKeyPair",
        "ModifyInstanceAttribute",
        "ModifyVpcBlockPublicAccessOptions",
        "RebootInstances",
        "ReplaceImageCriteriaInAllowedImagesSettings",
        "RevokeSecurityGroupIngress",
        "RunInstances",
        "StartInstances",
        "StopInstances",
        "TerminateInstances",
    ),
    "elbv2": (*_READS, "DeleteRule", "DeleteTargetGroup", "DeregisterTargets", "RegisterTargets"),
    "pricing": ("GetProducts",),
    "route53": (*_READS, "ChangeResourceRecordSets", "CreateHostedZone", "DeleteHostedZone"),
    "s3": (
        *_READS,
        "AbortMultipartUpload",
        "CompleteMultipartUpload",
        "CopyObject",
        "CreateBucket",
        "CreateMultipartUpload",
        "DeleteBucket",
        "DeleteBucketPolicy",
        "DeleteObject",
        "DeleteObjects",
        "DeletePublicAccessBlock",
        "HeadBucket",
        "HeadObject",
        "PutBucketAcl",
        "PutBucketEncryption",
        "PutBucketOwnershipControls",
        "PutBucketPolicy",
        "PutBucketTagging",
        "PutBucketVersioning",
        "PutObject",
        "PutObjectAcl",
        "PutPublicAccessBlock",
        "UploadPart",
    ),
    "service-quotas": ("GetServiceQuota", "GetAWSDefaultServiceQuota"),
    "ssm": ("GetParameter", "GetParameters", "GetParametersByPath", "DescribeParameters"),
    "sts": ("GetCallerIdentity",),
}


def is_carried(service: str, action: str) -> bool:
    """Return whether the rehearsal supports this call."""
    return any(fnmatchcase(action, pattern) for pattern in CARRIED.get(service, ()))
