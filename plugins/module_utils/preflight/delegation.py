"""Check that the world asks Route 53's name servers about the hosted zone."""

from __future__ import annotations

from ..aws.client import AwsClients
from ..common.names import domain_name
from ..dns.queries import Dns, InvalidResolver, NoAnswer
from ..output.host_summary import people
from .findings import Findings


def check_delegation(findings: Findings, clients: AwsClients, zone: str, zone_id: str, dns_resolver: str) -> None:
    """Compare the hosted zone's name servers with those that a resolver knows."""
    try:
        dns = Dns.of(dns_resolver)
    except InvalidResolver as error:
        findings.problem(error.what, error.fix)
        return
    name = domain_name(zone)
    own: set[str] = set()
    with findings.checking(f"the name servers of hosted zone {name}"):
        answer = clients.read("route53", "get_hosted_zone", Id=zone_id)
        own = {domain_name(server) for server in answer["DelegationSet"]["NameServers"]}
    if not own:
        return
    fix = f"enter the hosted zone's name servers at the registrar, or in the zone above: {', '.join(sorted(own))}"
    try:
        known = set(dns.zone_servers(name))
    except NoAnswer as error:
        if error.is_silent:
            findings.note(f"whether the world asks Route 53 about {name} is unknown: name server {error} is silent")
        else:
            findings.problem(
                f"the zone {name} cannot be resolved (name server {error}): its servers do not answer", fix
            )
        return
    if not known:
        findings.problem(f"the world knows no name server of the zone {name}, so nobody would see its records", fix)
    elif not own & known and not set(dns.addresses(own)) & set(dns.addresses(known)):
        # Names of one's own for Route 53's servers lead to the same addresses.
        what = f"the world asks other name servers about {name} than those of the hosted zone: {people(sorted(known))}"
        findings.problem(what, fix)
    elif own & known and known - own:
        others = people(sorted(known - own))
        findings.note(f"risk: the world also asks {others} about {name}, which are not the hosted zone's servers")
