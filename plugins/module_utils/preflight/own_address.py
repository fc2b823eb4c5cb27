"""Compare the networks that ssh is allowed from with our own public address."""

from __future__ import annotations

import ipaddress
import urllib.error
from collections.abc import Iterable

from ansible.module_utils.urls import ConnectionError as UrlConnectionError
from ansible.module_utils.urls import SSLValidationError, open_url

from ..output.text import one_line, redact_url
from .findings import Findings

TIMEOUT = 5
"""Timeout of the address service in seconds."""
ANSWER_BYTES = 64


def check_own_address(findings: Findings, admitted: Iterable[ipaddress.IPv4Network], service: str) -> None:
    """Report an own public address that is not in the networks `admitted`.

    A `service` that does not tell the address is a note. AWS drops the packets of others, so that every machine would
    only seem to be silent.
    """
    networks = list(admitted)
    if not service or not networks:
        return
    try:
        own = _own_address(service)
    except (urllib.error.URLError, UrlConnectionError, SSLValidationError, OSError, ValueError) as error:
        reason = one_line(str(getattr(error, "reason", error)), 120)
        what = f"address_service {redact_url(service)} does not tell the address of this computer ({reason})"
        findings.note(f"{what}: whether admin_cidr admits it is not known")
        return
    if not any(own in network for network in networks):
        given = ", ".join(map(str, networks))
        findings.problem(
            f"admin_cidr {given} does not admit {own}, the address of this computer: ssh would get no answer",
            f'add {own}/32 to admin_cidr, or set address_service: "" if ssh goes another way than the web',
        )


def _own_address(service: str) -> ipaddress.IPv4Address:
    """Return this computer's public address.

    Raises ValueError for an answer that is none, and URLError and the like.
    """
    if not service.startswith(("https://", "http://")):
        raise ValueError("it is no https address")
    # A proxy would tell its own address, and ssh does not go through it.
    with open_url(service, timeout=TIMEOUT, http_agent="probcomp-stack", use_proxy=False) as answer:
        text = answer.read(ANSWER_BYTES).decode("ascii", "replace").strip()
    try:
        return ipaddress.IPv4Address(text)
    except ValueError as error:
        raise ValueError("its answer is no IPv4 address") from error
