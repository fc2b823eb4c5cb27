"""Decrypt ansible-vault files with the vault passwords of the run.

For action plugins, to which these passwords are available.
"""

from __future__ import annotations

from collections.abc import Callable

from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader


def decrypter(loader: DataLoader) -> Callable[[bytes], bytes] | None:
    """Return a function that decrypts a file's bytes.

    It is None where the run has no vault password. The function raises ValueError when no vault password of this run is
    right.
    """

    if not loader._vault.secrets:
        return None

    def decrypt(data: bytes) -> bytes:
        try:
            plain: bytes = loader._vault.decrypt(data)
        except AnsibleError as error:
            raise ValueError("no vault password fits") from error
        return plain

    return decrypt
