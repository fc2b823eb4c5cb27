"""Any answer of a Jupyter server, and any settings that a user may write.

A machine may answer in Jupyter's place.
"""

from __future__ import annotations

import json
import tempfile
import uuid
from pathlib import Path
from typing import Any

import aiohttp
from ansible_collections.probcomp.stack.plugins.module_utils.jupyter import kernel_messages
from ansible_collections.probcomp.stack.plugins.module_utils.machine import accounts, jupyter_service
from ansible_collections.probcomp.stack.plugins.module_utils.output.machine_errors import UnexpectedAnswer, one_machine
from hypothesis import example, given
from hypothesis import strategies as st

from tests.fuzz.values import JSON, answers, assert_line

ID = "1b4e28ba-2fa1-11d2-883f-0016d3cca427"
BODIES = st.one_of(
    st.sampled_from([b"[" * 100_000, b'{"a":' * 100_000, b"9" * 10_000, b"\xff\xfe{", b"NaN", b'{"id": 1e999}']),
    st.binary(max_size=40),
)


def written(value: Any) -> bytes:
    """Return `value` as JSON, also one for which Python would write none."""
    try:
        return json.dumps(value).encode()
    except (RecursionError, ValueError):
        return b"[" * 100_000


STARTED = answers(id=st.sampled_from([ID, ID.upper(), f"../{ID}", f"{ID}\n", "{" + ID + "}"])).map(written)
MESSAGES = answers(
    parent_header=answers(msg_id=st.just("m")) | st.just({"msg_id": "m"}),
    msg_type=st.sampled_from(["execute_result", "error", "status"]),
    content=answers(data=answers(**{"text/plain": st.sampled_from(["2", "3"])})),
).map(written)


@given(STARTED | JSON.map(written) | BODIES)
@example(b"[" * 500_000)
def test_the_kernel_that_was_started(body: bytes) -> None:
    try:
        with one_machine():
            found = kernel_messages.kernel_id(body)
    except UnexpectedAnswer as error:
        assert_line(str(error), 200)
        return
    assert found is None or str(uuid.UUID(found)) == found, "it becomes part of an address"


@given(MESSAGES | JSON.map(written) | BODIES, st.sampled_from([aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY]))
def test_the_kernels_answer(body: bytes, kind: aiohttp.WSMsgType) -> None:
    frame = aiohttp.WSMessage(kind, body.decode("utf-8", "replace"), None)
    try:
        with one_machine():
            found = kernel_messages.answer(frame, "m")
    except UnexpectedAnswer as error:
        assert_line(str(error), 200)
        return
    assert found is None or (isinstance(found, str) and kind is aiohttp.WSMsgType.TEXT)
    if found == "2":
        data = json.loads(body)
        assert data["parent_header"]["msg_id"] == "m" and data["msg_type"] == "execute_result"


SETTINGS = answers(
    IdentityProvider=answers(hashed_password=st.just("argon2:x"), token=JSON), ServerApp=answers(password=JSON)
).map(written)


@given(SETTINGS | JSON.map(written) | BODIES)
def test_settings_and_records_on_a_machine(text: bytes) -> None:
    with tempfile.NamedTemporaryFile() as file:
        file.write(text)
        file.flush()
        config = jupyter_service.read_config(Path(file.name))
        note = accounts.read_note(Path(file.name))
    assert config is None or isinstance(config, dict)
    assert isinstance(jupyter_service.hash_in(config), str) and isinstance(note, dict)
