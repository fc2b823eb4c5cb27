"""Resolve alias records as a name server does."""

from collections.abc import Iterable


def plain(name: str) -> str:
    """Return a name in lower case, without the final dot.

    Route 53's `\052` becomes `*`.
    """
    return name.rstrip(".").lower().replace("\\052", "*")


class Names:
    """Alias targets by name, wildcards included, by the rules of RFC 4592."""

    def __init__(self, aliases: Iterable[tuple[str, str]] = (), others: Iterable[str] = ()) -> None:
        """Index the records.

        `aliases` are pairs of record name and target, `others` the names of all other records.
        """
        self._aliases = {plain(name): plain(target).removeprefix("dualstack.") for name, target in aliases}
        self._existing: set[str] = set()
        for name in [*self._aliases, *map(plain, others)]:
            # By RFC 4592, a name exists as soon as a name below it does.
            while name and name not in self._existing:
                self._existing.add(name)
                name = name.partition(".")[2]

    def alias_of(self, name: str) -> str | None:
        """Return the target of the alias that answers for this name.

        It is None where a resolver would get no address.
        """
        name = plain(name)
        if name in self._existing:
            return self._aliases.get(name)
        encloser = name.partition(".")[2]
        while encloser and encloser not in self._existing:
            encloser = encloser.partition(".")[2]
        return self._aliases.get(f"*.{encloser}")
