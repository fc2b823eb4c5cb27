"""Imitate AWS CloudFormation: a small subset of the service with exact behaviour.

`api.CloudFormationApi` takes the requests; a worker thread per stack operation (`create`, `update`, `delete`) acts on
moto's EC2 and load balancing through `aws_clients.Cloud`. The engine refuses whatever it does not support.
"""
