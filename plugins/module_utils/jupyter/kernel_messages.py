"""What is sent to a kernel and what it answers; its machine is its user's, so all that comes is data."""

from __future__ import annotations

import json
import uuid
from typing import Any

import aiohttp


def kernel_id(body: bytes) -> str | None:
    """Return the id of the kernel that Jupyter started, or None when its answer has none."""
    try:
        return str(uuid.UUID(json.loads(body)["id"]))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def execute_request(session: str, message: str) -> dict[str, Any]:
    """Return the message that has a kernel run 1+1."""
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
    """Return the text that the kernel answered to our `message`, "" for an error, None for everything else."""
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
