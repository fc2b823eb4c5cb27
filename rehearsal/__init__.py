"""Imitate AWS on one Linux computer: API, machines, load balancer and DNS names.

`scripts/rehearsal` starts and stops it. Nothing in here is used when the commands talk to AWS.
"""
