"""Check certificate, hosted zone, password files, content and name collisions."""

from __future__ import annotations

import time
import urllib.error
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from ansible.module_utils.urls import ConnectionError as UrlConnectionError
from ansible.module_utils.urls import SSLValidationError, open_url

from ..aws.client import AwsClients
from ..aws.errors import error_code
from ..common.addresses import ALLOW, is_plain_http, unverified
from ..common.names import absolute_name, by_number, host_name
from ..content.presign import client_of_bucket, presign, rights
from ..content.s3_object import is_s3_address, parse_s3_address
from ..machine.accounts import MachineError
from ..output.host_summary import people
from ..output.machine_names import names_argument
from ..output.text import one_line, redact_url
from ..passwords.files import (
    PasswordFileError,
    password_file,
    read_password,
    vault_decrypter,
)
from .findings import Findings
from .request import MachineRequest, Settings

RENEWAL = timedelta(days=30)
"""Remaining validity below which ACM should have renewed its own certificate.

The renewal begins 45 days before the end: https://docs.aws.amazon.com/acm/latest/userguide/managed-renewal.html
"""
CONTENT_TIMEOUT = 15
"""Timeout in seconds for the first bytes of the content."""
CONTENT_PAUSES = (0.5, 1.0, 2.0)
"""Seconds after which a server that is too busy is asked again."""
CONTENT_ERROR_BYTES = 4096


def covers(pattern: str, host: str) -> bool:
    """Return whether a certificate name covers `host`; a wildcard matches one label."""
    pattern, host = pattern.lower(), host.lower()
    return pattern == host or (pattern.startswith("*.") and host.partition(".")[2] == pattern[2:])


def check_certificate(
    findings: Findings, clients: AwsClients, settings: Settings, users: Iterable[str], until: datetime
) -> None:
    """Check that the load balancer can use the certificate for all `users`.

    `until` is when the machines are no longer needed.
    """
    arn = settings.certificate_arn
    needed = f"request one in {settings.region} for *.{settings.stack_domain} with AWS Certificate Manager"
    if not arn:
        return
    parts = arn.split(":")
    if len(parts) != 6 or parts[2] != "acm":
        findings.problem(f"certificate_arn {arn!r} is no ARN of AWS Certificate Manager", needed)
        return
    if parts[3] != settings.region:
        findings.problem(
            f"the certificate {arn} is of region {parts[3]}, the load balancer of {settings.region}", needed
        )
        return
    with findings.checking(f"certificate {arn}"):
        certificate = _certificate(clients, arn)
        if certificate is None:
            findings.problem(f"there is no certificate {arn}", needed)
            return
        _check_validity(findings, arn, certificate, until)
        names = {certificate.get("DomainName", ""), *certificate.get("SubjectAlternativeNames", [])} - {""}
        zone = settings.usable_zone
        # Without a zone, which is reported separately, there are no host names.
        hosts = {user: host_name(user, zone) for user in users} if zone else {}
        uncovered = [user for user, host in hosts.items() if not any(covers(name, host) for name in names)]
        if uncovered:
            host = hosts[uncovered[0]]
            what = f"the certificate {arn} is for {people(sorted(names))} and does not cover {host}"
            findings.problem(what, needed, uncovered)


def _certificate(clients: AwsClients, arn: str) -> dict[str, Any] | None:
    try:
        certificate: dict[str, Any] = clients.read("acm", "describe_certificate", CertificateArn=arn)["Certificate"]
    except clients.client("acm").exceptions.ClientError as error:
        if error_code(error) in ("ResourceNotFoundException", "ValidationException", "InvalidArnException"):
            return None
        raise
    return certificate


def _check_validity(findings: Findings, arn: str, certificate: dict[str, Any], until: datetime) -> None:
    status, now = certificate.get("Status", ""), datetime.now(UTC)
    end = certificate.get("NotAfter")
    is_renewed = certificate.get("Type") == "AMAZON_ISSUED"
    if status == "PENDING_VALIDATION":
        fix = "make the validation record that AWS Certificate Manager shows, and wait until it is ISSUED"
        findings.problem(f"the certificate {arn} is not validated yet", fix)
    elif status == "EXPIRED" or (end is not None and end <= now):
        day = f" on {end:%Y-%m-%d}" if end is not None else ""
        findings.problem(f"the certificate {arn} expired{day}", "renew it, or name another in certificate_arn")
    elif status != "ISSUED":
        findings.problem(f"the certificate {arn} is {status or 'in an unknown state'}", "name one that is ISSUED")
    elif end is not None and end < min(until, now + RENEWAL if is_renewed else until):
        what = f"risk: the certificate {arn} ends on {end:%Y-%m-%d}, and machines are needed until {until:%Y-%m-%d}"
        findings.note(f"{what}: renew it by then, or name another in certificate_arn")


def check_zone(findings: Findings, clients: AwsClients, zone: str) -> str:
    """Check that Route 53 has exactly one public hosted zone named `zone`.

    Return its id, "" without one.
    """
    if not zone:
        return ""
    name = absolute_name(zone)
    fix = "create it, or correct zone in group_vars/all/local.yml"
    with findings.checking(f"hosted zone {name}"):
        # The response is sorted by name and begins with this zone.
        answer = clients.read("route53", "list_hosted_zones_by_name", DNSName=name, MaxItems="100")
        zones = [item for item in answer["HostedZones"] if item["Name"] == name]
        public = [item for item in zones if not item.get("Config", {}).get("PrivateZone")]
        if not zones:
            findings.problem(f"Route 53 has no hosted zone {name}", fix)
        elif not public:
            findings.problem(f"the hosted zone {name} is private, so browsers do not see it", "use a public one")
        elif len(public) > 1:
            ids = ", ".join(item["Id"].rpartition("/")[2] for item in public)
            findings.problem(
                f"Route 53 has {len(public)} public hosted zones {name} ({ids})", "delete the one not in use"
            )
        else:
            return str(public[0]["Id"])
    return ""


def check_passwords(findings: Findings, settings: Settings, users: Iterable[str]) -> None:
    """Report missing and unusable password files.

    All missing ones are one problem, or a note where passwords are not required yet.
    """
    decrypt = vault_decrypter()
    missing = []
    for user in users:
        path = password_file(settings.password_directory, user)
        if not path.exists():
            missing.append(user)
            continue
        try:
            own = settings.password_directory
            read_password(path, settings.password_min_length, findings.notes, decrypt=decrypt, own=own)
        except PasswordFileError as error:
            findings.problem(error.what, error.fix, user)
    if missing:
        names = names_argument(missing)
        what, command = (
            f"no password file in {settings.password_directory}",
            f"ansible-playbook create_passwords.yml -e {names}",
        )
        if settings.passwords_required:
            findings.problem(what, command, missing)
        else:
            findings.note(f"{people(missing)}: {what} yet; before the create: {command}")


def check_content(findings: Findings, settings: Settings) -> None:
    """Check by its first bytes that the content can be downloaded; note skipped parts.

    Neither it nor the key of the packages may come over plain http with nothing to prove it, unless that is allowed.
    """
    if not settings.apt_repository_url:
        findings.note("skipped: the lab's Debian packages, for no apt repository is set")
    elif is_plain_http(settings.apt_repository_key) and not settings.allow_plain_http:
        shown = redact_url(settings.apt_repository_key)
        fix = f"give an https address, the key as text, or apt_probcomp_key_file; {ALLOW} takes the risk"
        findings.problem(f"apt_probcomp_key {shown} is plain http, on which it can be replaced by another key", fix)
    url = settings.content_url
    if not url:
        findings.note("skipped: content and what it installs, for no content_url is set")
        return
    if is_s3_address(url):
        return  # check_s3_content, once the account is known
    shown = redact_url(url)
    if unverified(url, settings.content_checksum, settings.allow_plain_http):
        fix = f"give an https address, or content_checksum; {ALLOW} takes the risk"
        findings.problem(f"content_url {shown} is plain http without a checksum, so that it can be replaced", fix)
    _check_start(findings, url, shown, "correct content_url, or publish the archive there")


def check_s3_content(findings: Findings, clients: AwsClients, settings: Settings) -> None:
    """Check that machines will be able to download the content from S3.

    They do so at a presigned address.
    """
    url = settings.content_url
    if not is_s3_address(url):
        return
    try:
        location = parse_s3_address(url)
        with findings.checking(f"the content {location}"):
            address = presign(client_of_bucket(clients, location), location)
            if unverified(address, settings.content_checksum, settings.allow_plain_http):
                fix = f"give an https address, or content_checksum; {ALLOW} takes the risk"
                findings.problem(f"content_url {location} is read over plain http without a checksum", fix)
            _check_start(
                findings, address, str(location), f"publish the archive there; reading needs {rights(location)}"
            )
    except MachineError as error:
        what, _, fix = str(error).partition(": ")
        findings.problem(what, fix)


def _check_start(findings: Findings, url: str, shown: str, fix: str) -> None:
    """Check by its first bytes that an archive can be downloaded from `url`.

    `shown` stands for the URL in messages.
    """
    try:
        start, kind = _first_bytes(url)
    except urllib.error.HTTPError as error:
        findings.problem(f"the content {shown} answers {error.code}", fix)
    except (urllib.error.URLError, UrlConnectionError, SSLValidationError, OSError, ValueError) as error:
        reason = one_line(str(getattr(error, "reason", error)), 120)
        findings.problem(f"the content {shown} cannot be reached ({reason})", fix)
    else:
        if kind.startswith("text/html") or start.lstrip()[:1] == b"<":
            findings.problem(f"the content {shown} is a web page, not an archive", fix)


def _first_bytes(url: str) -> tuple[bytes, str]:
    """Return the first bytes at `url` and their content type.

    A server that is too busy is asked again.
    """
    for seconds in (*CONTENT_PAUSES, None):
        try:
            # Not HEAD: a presigned S3 URL is signed for GET only.
            answer = open_url(
                url, headers={"Range": "bytes=0-511"}, timeout=CONTENT_TIMEOUT, http_agent="probcomp-stack"
            )
        except urllib.error.HTTPError as error:
            is_busy = error.code == 429 or error.code >= 500 or b"Throttling" in error.read(CONTENT_ERROR_BYTES)
            if seconds is None or not is_busy:
                raise
            time.sleep(seconds)
        else:
            with answer:
                return answer.read(512), answer.headers.get("Content-Type", "")
    raise AssertionError("the last attempt returns or raises")


def check_collisions(findings: Findings, requests: list[MachineRequest], existing: dict[str, str]) -> None:
    """Report users and fleets of the same name, and machines of another fleet.

    `existing` is the fleet ("" for none) of each user who has a machine.
    """
    fix = "take another name"
    fleets: dict[str, list[str]] = {}
    for user, fleet in [*existing.items(), *((machine.user, machine.fleet) for machine in requests)]:
        if fleet and user not in fleets.setdefault(fleet, []):
            fleets[fleet].append(user)
    users = {machine.user for machine in requests}
    for user in sorted(users & fleets.keys(), key=by_number):
        findings.problem(f"user {user} has the name of the fleet {user} ({people(fleets[user])})", fix, user)
    for fleet in sorted(({machine.fleet for machine in requests} & existing.keys()) - users):
        findings.problem(f"the fleet {fleet} has the name of the user {fleet}, who has a machine", fix, fleet)
    for machine in requests:
        fleet = existing.get(machine.user, machine.fleet)
        if fleet == machine.fleet:
            continue
        whose = f"belongs to the fleet {fleet}" if fleet else "was made alone and belongs to no fleet"
        if machine.fleet:
            what = f"the machine {whose}, not to {machine.fleet}"
            findings.problem(what, "leave it out, delete it first, or take another base", machine.user)
        else:
            findings.note(f"{machine.user}: the machine exists and {whose}; it stays there")
