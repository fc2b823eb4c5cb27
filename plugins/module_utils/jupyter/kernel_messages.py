"""Build requests to a Jupyter kernel and parse its answers.

A machine belongs to its user, so every answer is data.
"""

from __future__ import annotations

import json
import uuid
from typing import Any

import aiohttp


def kernel_id(body: bytes) -> str | None:
    """Return the id of the kernel that Jupyter started, None without an id."""
    try:
        return str(uuid.UUID(json.loads(body)["id"]))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def execute_request(session: str, message: str) -> dict[str, Any]:
    """Return the message that makes a kernel run 1+1."""
    header = {"msg_id": message, "msg_type": "execute_request", "session": session, "username": "", "version": "5.3"}
    content = {"code": "1+1", "silent": False, "store_history": False, "allow_stdin": False, "stop_on_error": True}
    return {
        "header": header,
        "parent_header": {},
        "metadata": {},
        "content": content,
        "channel": "shell",
        "buffers": [],
    }


def answer(frame: aiohttp.WSMessage, message: str) -> str | None:
    """Return the kernel's answer to our `message`.

    The answer is "" for an error, None for every other message.
    """
    if frame.type is not aiohttp.WSMsgType.TEXT:
        return None
    try:
        data = json.loads(frame.data)
        if data["parent_header"].get("msg_id") != message:
            return None
        if data["msg_type"] == "execute_result":
            return str(data["content"]["data"]["text/plain"])
        return "" if data["msg_type"] == "error" else None
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
