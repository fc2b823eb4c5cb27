"""The application load balancer of the rehearsal: a reverse proxy that obeys what moto's backends say.

`model` is a picture of names, listeners, rules and targets; `snapshot` takes it; `routing` decides with it; `tls`,
`proxy` and `websocket` carry the bytes; `health` checks the targets; `ingress` puts them together.
"""
