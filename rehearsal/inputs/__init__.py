"""Make the rehearsal's real inputs: apt repository, content archive and wheels.

The package repository is signed; the wheels are for the machines.
"""


class InputError(RuntimeError):
    """Error: an input cannot be made; the text is one line for the user."""
