"""Real name servers on loopback addresses.

`authority` answers for zones, `caching` resolves for a computer and keeps what it was told, a no as well; `server`
serves either over UDP; `hosted_zones` runs both for the rehearsal's account.
"""
