"""Upload a content archive to S3 and download it as a machine would.

Runs on the controller. It puts one object into S3 and reads; apart from that it writes only temporary files.
"""

from __future__ import annotations

import base64
import contextlib
import datetime
import tempfile
import urllib.parse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..aws.errors import error_code
from ..machine.accounts import MachineError
from ..output.text import redact_url
from .checked_archive import Archive
from .download import download
from .presign import presign, rights
from .s3_object import S3Object, is_s3_address, parse_s3_address

with contextlib.suppress(ImportError):  # AnsibleAWSModule reports a missing library.
    from botocore.exceptions import ClientError

_KINDS = {b"\x1f\x8b": "application/gzip", b"BZh": "application/x-bzip2", b"\xfd7zXZ": "application/x-xz"}
_PLAIN = "application/x-tar"
_MISSING = frozenset({"404", "NoSuchKey", "NotFound"})
_FORBIDDEN = frozenset({"403", "AccessDenied", "Forbidden"})
_EVERYBODY = "http://acs.amazonaws.com/groups/global/AllUsers"
"""ACL group that needs no credentials.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html#specifying-grantee
"""


@dataclass(frozen=True)
class ContentTarget:
    """Target of the upload: an S3 object and the URL from which machines download it."""

    s3: Any
    """S3 client of boto3."""
    anonymous: Any
    """S3 client of boto3 without credentials."""
    object: S3Object
    url: str
    largest: int
    """Maximum archive size, in bytes, that machines accept."""
    seconds: float
    """Maximum time for reading the archive, in seconds."""

    @property
    def is_presigned(self) -> bool:
        """Return whether machines read the content at presigned addresses.

        They have the rights of whoever presigns then, and need no policy or ACL.
        """
        return is_s3_address(self.url)

    def version(self) -> str | None:
        """Return the sha256 in the object's metadata.

        The result is "" for an object without one and None without an object.

        Raises MachineError when S3 does not show these credentials the object.
        """
        try:
            head = self.s3.head_object(Bucket=self.object.bucket, Key=self.object.key)
        except ClientError as error:
            if error_code(error) in _FORBIDDEN:
                # S3 gives the same answer for a missing object to credentials that may not list the bucket, so nothing
                # is uploaded.
                raise MachineError(
                    f"nothing was put: these credentials may not see whether anything lies in {self.object}: they need "
                    f"s3:GetObject on {self.object.arn} and s3:ListBucket on arn:aws:s3:::{self.object.bucket}"
                ) from None
            if error_code(error) not in _MISSING:
                raise
            return None
        return str(head.get("Metadata", {}).get("sha256", ""))

    def acl_to_keep(self, is_taken: bool) -> str:
        """Return the ACL that keeps an uploaded archive readable by machines.

        The result is "" where no ACL is needed. S3 gives every new object a private ACL, so an existing object
        (`is_taken`) that is public by its ACL alone would be replaced by an object that nobody can download.

        Raises MachineError when machines could not read the uploaded archive, or when it is unknown how they read the
        existing one. Where only a download can show this, the download after the upload does.
        """
        if self.is_presigned or urllib.parse.urlsplit(self.url).query:
            return ""  # A signed URL needs neither policy nor ACL.
        policy = self._policy()
        if policy is not None and self.object.is_admitted_by(policy):
            return ""
        if is_taken and self.is_public() and self._has_public_acl(policy is not None):
            return "public-read"
        if policy == "":
            raise MachineError(
                f"nothing was put: machines could not read it, for the bucket {self.object.bucket} has no policy. "
                f"{self._remedy()}"
            )
        return ""

    def _policy(self) -> str | None:
        """Return the bucket's policy.

        The result is "" when it has none, and None when it may not be read.
        """
        try:
            return str(self.s3.get_bucket_policy(Bucket=self.object.bucket)["Policy"])
        except ClientError as error:
            return "" if error_code(error) == "NoSuchBucketPolicy" else None

    def is_public(self) -> bool:
        """Return whether the existing object is public by policy or by ACL.

        The bucket's settings are taken into account.
        """
        try:
            self.anonymous.head_object(Bucket=self.object.bucket, Key=self.object.key)
        except ClientError as error:
            if error_code(error) in _FORBIDDEN | _MISSING:
                return False
            raise
        return True

    def _has_public_acl(self, policy_is_known: bool) -> bool:
        try:
            grants = self.s3.get_object_acl(Bucket=self.object.bucket, Key=self.object.key)["Grants"]
        except ClientError as error:
            if error_code(error) not in _FORBIDDEN:
                raise
            needed = "" if policy_is_known else f"s3:GetBucketPolicy on arn:aws:s3:::{self.object.bucket}, or "
            raise MachineError(
                f"nothing was put: everybody can read what lies in {self.object}, and these credentials may not see "
                f"whether by its ACL, which a new archive would not have: they need {needed}s3:GetObjectAcl on "
                f"{self.object.arn}"
            ) from None
        read = ("READ", "FULL_CONTROL")
        return any(grant["Grantee"].get("URI") == _EVERYBODY and grant["Permission"] in read for grant in grants)

    def _remedy(self) -> str:
        if self.is_presigned:
            return f"These credentials need {rights(self.object)}"
        return f"The bucket needs a policy like this, and Block Public Access that admits it: {self.object.policy}"

    def read(self) -> str:
        """Return the sha256 of the file that a machine downloads from the URL.

        Raises MachineError.
        """
        with tempfile.TemporaryDirectory(prefix="probcomp-content-") as folder:
            return self.download(Path(folder) / "archive")

    def download(self, path: Path) -> str:
        """Download the object to `path` as a machine does, and return its sha256.

        Raises MachineError.
        """
        address = presign(self.s3, parse_s3_address(self.url)) if self.is_presigned else self.url
        arrived = download(address, path, ("", ""), self.largest, self.seconds, redact_url(self.url))
        return arrived.sha256 if arrived else ""

    def put(self, archive: Archive, acl: str = "") -> None:
        """Upload the archive with its version.

        S3 refuses an archive that differs from the checked one. `acl` is the canned ACL of the object, "" for S3's
        default.
        """
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        metadata = {"sha256": archive.sha256, "published": now, "name": urllib.parse.quote(archive.path.name)}
        try:
            with archive.path.open("rb") as stream:
                start = stream.read(8)
                stream.seek(0)
                self.s3.put_object(
                    Bucket=self.object.bucket,
                    Key=self.object.key,
                    Body=stream,
                    ChecksumSHA256=base64.b64encode(bytes.fromhex(archive.sha256)).decode(),
                    ContentType=next((kind for magic, kind in _KINDS.items() if start.startswith(magic)), _PLAIN),
                    # A cache between bucket and machines must ask whether its copy is still the newest.
                    CacheControl="no-cache",
                    Metadata=metadata,
                    **({"ACL": acl} if acl else {}),
                )
        except ClientError as error:
            if error_code(error) not in _FORBIDDEN:
                raise
            if acl:
                # Block Public Access gives this answer to a new public ACL too.
                raise MachineError(
                    f"nothing was put: what lies in {self.object} is public by its ACL alone, and these credentials "
                    f"may not put another with that ACL: they need s3:PutObject and s3:PutObjectAcl on "
                    f"{self.object.arn}, or leave ACLs. {self._remedy()}"
                ) from None
            raise MachineError(
                f"these credentials may not put anything to {self.object}: they need s3:PutObject on {self.object.arn}"
            ) from None

    def prove(self, archive: Archive) -> None:
        """Raise MachineError unless a machine can download this archive from the URL."""
        try:
            found = self.read()
        except MachineError as error:
            reason = str(error).removeprefix("content: ").partition(": is content_url right")[0]
            problem = f"it lies in {self.object}, but machines cannot read it: {reason}"
            raise MachineError(f"{problem}. {self._remedy()}") from None
        if found != archive.sha256:
            raise MachineError(
                f"it lies in {self.object}, but {redact_url(self.url)} gives another file (sha256:{found[:12]}...): "
                "a cache that has to be emptied, or content_bucket and content_key are not where content_url takes it "
                "from"
            )


def publish(archive: Archive, target: ContentTarget, found: str | None, pinned: str, check_mode: bool) -> bool:
    """Upload `archive` unless the target has it, and return whether it was uploaded.

    Raises MachineError. `found` is the version of the existing object. `pinned` is the only sha256 that machines
    accept, "" for any.
    """
    if pinned not in ("", archive.sha256):
        raise MachineError(
            f"machines would refuse {archive.path.name}: content_checksum in group_vars/all names another one; "
            f"set it to sha256:{archive.sha256} (or to nothing), then the same again"
        )
    if found == archive.sha256:
        target.prove(archive)
        return False
    acl = target.acl_to_keep(found is not None)
    if not check_mode:
        target.put(archive, acl)
        target.prove(archive)
    return True
