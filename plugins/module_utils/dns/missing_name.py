"""Tell why a machine's name does not resolve.

It says which of the name servers is behind, and until when.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from .queries import Dns, NoAnswer


@dataclass(frozen=True)
class MissingName:
    """Reason why a name does not resolve here.

    `kind` is "name" without a record, "zone" for a fault of the zone or its servers, "resolver" for one of this
    computer's name server. `addresses` are those of the zone's own servers. `seconds` is how long this computer's
    name server keeps its no at most, None where that is not known.
    """

    kind: str
    text: str
    addresses: tuple[str, ...] = ()
    seconds: int | None = None


def missing_name(dns: Dns, host: str, zone: str) -> MissingName:
    """Ask this computer's name server and the zone's own about `host`, and compare."""
    here, asked = None, ""
    try:
        here = dns.ask(host)
    except NoAnswer as error:
        asked = str(error)
        if error.is_silent:
            what = f"this computer's name server ({asked}) is silent, so that {host} does not resolve"
            return MissingName("resolver", f"{what}: see its network, or name another in dns_resolver")
    if here and here.values:
        return MissingName("resolver", f"{host} resolved only now: look again", here.values, 0)
    try:
        own = dns.ask_zone(zone, host)
    except NoAnswer as error:
        what = f"the name {host} does not resolve, and the servers of the zone {zone} ({error}) do not answer"
        return MissingName("zone", f"{what}: compare them at the registrar with those of the hosted zone in Route 53")
    if own.handed_on:
        what = f"the name {host} does not resolve, for an NS record hands {own.handed_on} to other name servers"
        return MissingName("zone", f"{what}: delete that record from the hosted zone")
    if not own.values:
        what = f"the name {host} has no record on the zone's own name servers ({own.server})"
        kept = f" (name servers that were asked keep the no for {_span(own.seconds)})" if own.seconds else ""
        return MissingName("name", f"{what}: stack_start.yml puts the names right{kept}")
    there = f"the zone's own name servers know {host}"
    if here is None:
        what = f"{there}, but this computer's ({asked}) cannot resolve it"
        return MissingName(
            "resolver", f"{what}: see DNSSEC at the registrar, or name another in dns_resolver", own.values
        )
    seconds = _kept(dns, zone) if here.seconds is None else here.seconds
    until = datetime.now(UTC) + timedelta(seconds=seconds)
    what = f"{there}, but this computer's ({here.server}) keeps an earlier no, at most until {until:%H:%M:%S} UTC"
    fix = f"wait {_span(seconds)} and check again, or name another in dns_resolver"
    return MissingName("resolver", f"{what}: {fix}", own.values, seconds)


def _kept(dns: Dns, zone: str) -> int:
    """Return the seconds that resolvers may keep the zone's negative answer.

    Where no server says, it is the TTL of the SOA record that Route 53 makes.
    """
    try:
        # The zone's own servers have no such name, and nobody else is asked for it.
        seconds = dns.ask_zone(zone, f"no-such-name.{zone}").seconds
    except NoAnswer:
        seconds = None
    return 900 if seconds is None else seconds


def _span(seconds: int) -> str:
    return f"{seconds} s" if seconds < 120 else f"{round(seconds / 60)} min"
