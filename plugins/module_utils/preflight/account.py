"""Check local programs, the ssh network, credentials, account and region."""

from __future__ import annotations

import ipaddress
import shutil
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from ..aws.client import AwsClients
from ..aws.errors import error_code, explain, is_credentials_error
from ..common.addresses import MAX_CIDRS, cidrs
from ..common.names import InvalidZone, check_zone, nearest
from .findings import Findings
from .request import Settings

with suppress(ImportError):  # AnsibleAWSModule reports it.
    from botocore.exceptions import BotoCoreError, ClientError

PROGRAMS = {"ssh": "openssh-client", "ssh-keygen": "openssh-client", "rsync": "rsync", "tar": "tar"}
"""Programs that the commands need, and the Debian package of each."""


def check_programs(findings: Findings, programs: Iterable[str] = PROGRAMS) -> None:
    """Report programs that are not installed on this computer."""
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        packages = " ".join(sorted({PROGRAMS[program] for program in missing}))
        findings.problem(f"not installed here: {', '.join(missing)}", f"apt-get install {packages}")


WANTED_CIDR = "give your own network in CIDR notation, e.g. admin_cidr=203.0.113.7/32"

NEEDED = {
    "zone": "give your hosted zone of Route 53",
    "certificate_arn": "give a certificate for *.stack.<zone> from AWS Certificate Manager, of the same region",
    "key_name": "name an EC2 key pair of this region",
}
"""Required settings, and the remedy when one is missing."""


def check_given(findings: Findings, settings: Settings) -> None:
    """Report missing settings and an invalid zone, without requests to AWS."""
    missing = [name for name in NEEDED if getattr(settings, name) in (None, "")]
    for name in missing:
        findings.problem(f"{name} is not set", f"{NEEDED[name]} in group_vars/all/local.yml")
    if "zone" not in missing:
        try:
            check_zone(settings.zone)
        except InvalidZone as error:
            findings.problem(error.what, error.fix)


def check_admin_cidr(findings: Findings, admin_cidr: Any) -> list[ipaddress.IPv4Network]:
    """Return the IPv4 networks from which ssh is allowed; report what is none."""
    given = cidrs(admin_cidr)
    if not given:
        findings.problem("admin_cidr is not set: nobody could open an ssh connection", WANTED_CIDR)
    if len(given) > MAX_CIDRS:
        what = f"admin_cidr names {len(given)} networks, and a network of machines admits {MAX_CIDRS}"
        findings.problem(what, "give fewer or wider ones")
    found = [_admin_network(findings, text) for text in given]
    if any(network is not None and network.prefixlen == 0 for network in found):
        findings.note("risk: admin_cidr 0.0.0.0/0 lets the whole Internet try ssh on every machine")
    return [network for network in found if network is not None]


def _admin_network(findings: Findings, given: str) -> ipaddress.IPv4Network | None:
    """Return one network of `admin_cidr`, None after a reported problem."""
    setting = f"admin_cidr {given!r}"
    try:
        interface = ipaddress.ip_interface(given)
    except ValueError:
        findings.problem(f"{setting} is no network", WANTED_CIDR)
        return None
    if not isinstance(interface, ipaddress.IPv4Interface):
        what = f"{setting} is no IPv4 network, and the machines have IPv4 addresses only"
        findings.problem(what, WANTED_CIDR)
        return None
    if "/" not in given or str(interface.network) != given:
        meant = f"{given}/32" if "/" not in given else str(interface.network)
        findings.problem(f"{setting} is not the address of a network", f"did you mean {meant}?")
        return None
    return interface.network


def check_account(findings: Findings, clients: AwsClients, settings: Settings) -> str:
    """Return the account of the credentials, "" when they do not work."""
    try:
        account = str(clients.read("sts", "get_caller_identity")["Account"])
    except (BotoCoreError, ClientError) as error:
        fix = explain(error)
        if error_code(error) in ("InvalidClientTokenId", "AuthFailure", "UnrecognizedClientException"):
            fix += f"; a region like {settings.region} may also have to be enabled for the account first"
        what = "AWS does not let us in" if is_credentials_error(error) else "AWS cannot be asked who we are"
        findings.problem(what, fix)
        return ""
    if settings.account_id and settings.account_id != account:
        findings.problem(
            f"the credentials belong to account {account}, not to {settings.account_id}",
            "change the profile, or account_id in group_vars/all/local.yml",
        )
    return account


def check_region(findings: Findings, region: str, known: Iterable[str]) -> bool:
    """Return whether `region` is one of the `known` regions; report it otherwise."""
    if not region:
        findings.problem("no AWS region is set", "set region in inventory/probcomp_ec2.yml, or AWS_REGION")
        return False
    regions = list(known)
    if region in regions:
        return True
    alike = nearest(region, regions)
    findings.problem(
        f"there is no AWS region {region!r}", f"did you mean {', '.join(alike)}?" if alike else "see the AWS console"
    )
    return False
