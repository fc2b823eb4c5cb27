"""Real input for the rehearsal: a signed package repository, a content archive, and wheels for the machines."""


class InputError(RuntimeError):
    """An input cannot be made; the text is one line for the user."""
