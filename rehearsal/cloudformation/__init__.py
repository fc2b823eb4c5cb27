"""AWS CloudFormation for the rehearsal: small, and true where it answers at all.

`api.CloudFormationApi` takes the requests; a worker thread per stack operation (`create`, `update`, `delete`) acts on
moto's EC2 and load balancing through `cloud.Cloud`. What the engine cannot put into effect, it refuses.
"""
