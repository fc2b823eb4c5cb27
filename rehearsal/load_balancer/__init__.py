"""Imitate AWS's application load balancer: a reverse proxy configured by moto.

`model` defines a snapshot of names, listeners, rules and targets; `snapshot` reads it from moto's backends; `routing`
chooses the action of a request; `tls`, `proxy` and `websocket` pass on the bytes; `health` checks the targets;
`ingress` puts them together.
"""
