"""Choose the rule for a request, and build the address of a redirect."""

import re
from functools import lru_cache

from rehearsal.load_balancer.model import Action, Listener, Redirect, Rule


def action_for(listener: Listener, host: str, path: str) -> Action:
    """Return the action of the first rule whose conditions hold.

    `host` is without its port.
    """
    return next(rule.action for rule in listener.rules if _holds(rule, host, path))


def location(
    redirect: Redirect, *, protocol: str, host: str, port: str, path: str, query: str, ports: dict[str, int]
) -> str:
    """Return the address that a redirect sends a browser to.

    `protocol`, `host`, `port`, `path` (without its first slash) and `query` are the request's. `ports` maps a port in
    the load balancer's configuration, such as 443, to the one on this computer that serves it.
    """
    values = {"protocol": protocol, "host": host, "port": port, "path": path, "query": query}

    def fill(text: str) -> str:
        return re.sub(r"#\{(protocol|host|port|path|query)\}", lambda found: values[found[1]], text)

    scheme = fill(redirect.protocol).lower()
    named = fill(redirect.port)
    outer = ports.get(named, int(named))
    usual = {"http": 80, "https": 443}[scheme]
    place = fill(redirect.host) if outer == usual else f"{fill(redirect.host)}:{outer}"
    rest = fill(redirect.query)
    return f"{scheme}://{place}{fill(redirect.path)}" + (f"?{rest}" if rest else "")


def _holds(rule: Rule, host: str, path: str) -> bool:
    return (not rule.hosts or any(_pattern(item.lower()).fullmatch(host.lower()) for item in rule.hosts)) and (
        not rule.paths or any(_pattern(item).fullmatch(path) for item in rule.paths)
    )


@lru_cache(maxsize=4096)
def _pattern(text: str) -> re.Pattern[str]:
    """Return the regular expression of a load balancer's pattern.

    `*` stands for any text, `?` for one character.
    """
    parts = ({"*": ".*", "?": "."}.get(character, re.escape(character)) for character in text)
    return re.compile("".join(parts), re.DOTALL)
