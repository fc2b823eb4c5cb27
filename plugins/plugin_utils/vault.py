"""Files that ansible-vault encrypted, for actions that run where the vault passwords of the run are known."""

from __future__ import annotations

from collections.abc import Callable

from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader


def decrypter(loader: DataLoader) -> Callable[[bytes], bytes]:
    """Return a function that decrypts a file's bytes; it raises ValueError when no vault password of this run fits."""

    def decrypt(data: bytes) -> bytes:
        try:
            plain: bytes = loader._vault.decrypt(data)
        except AnsibleError as error:
            raise ValueError("no vault password fits") from error
        return plain

    return decrypt
