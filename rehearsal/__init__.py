"""The cloud without an account: an AWS API, machines, a load balancer and names on one Linux computer.

`scripts/rehearsal` starts and stops it. Nothing in here is used when the commands talk to AWS.
"""
