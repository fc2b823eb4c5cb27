"""Refuse requests that were signed by a wrong clock, as each service does."""

import calendar
import time
from typing import Any

from werkzeug.wrappers import Response

from rehearsal.api.requests import Call, error_response

_FORMAT = "%Y%m%dT%H%M%SZ"
_MINUTES = {"ec2": 15, "s3": 15, "sts": 15}
"""Minutes that a clock may be off; elsewhere 5."""
_CODES = {
    "acm": ("InvalidSignatureException", 400),
    "pricing": ("InvalidSignatureException", 400),
    "service-quotas": ("InvalidSignatureException", 400),
    "ssm": ("InvalidSignatureException", 400),
}


def wrong_clock(call: Call, environ: dict[str, Any]) -> Response | None:
    """Return the error for a request signed too long ago or in the future, or None.

    A presigned URL has an end of its own, and gets no such error.
    """
    try:
        signed = calendar.timegm(time.strptime(environ.get("HTTP_X_AMZ_DATE", ""), _FORMAT))
    except ValueError:
        return None
    now, minutes = int(time.time()), _MINUTES.get(call.service, 5)
    if "HTTP_AUTHORIZATION" not in environ or abs(now - signed) <= 60 * minutes:
        return None
    if call.service == "ec2":
        # EC2 names no times. Both answers of it are known; which it gives when may differ.
        if signed < now:
            return error_response(call, "RequestExpired", "Request has expired.", 400)
        return error_response(call, "AuthFailure", "AWS was not able to validate the provided access credentials", 401)
    if call.service == "s3":
        return _of_s3(call, environ["HTTP_X_AMZ_DATE"], now, minutes)
    sign, end = ("-", now - 60 * minutes) if signed < now else ("+", now + 60 * minutes)
    compared = f"{environ['HTTP_X_AMZ_DATE']} is {'now earlier' if signed < now else 'still later'} than {_text(end)}"
    what = "Signature expired" if signed < now else "Signature not yet current"
    code, status = _CODES.get(call.service, ("SignatureDoesNotMatch", 403))
    return error_response(call, code, f"{what}: {compared} ({_text(now)} {sign} {minutes} min.)", status)


def _of_s3(call: Call, signed: str, now: int, minutes: int) -> Response:
    message = "The difference between the request time and the current time is too large."
    response = error_response(call, "RequestTimeTooSkewed", message, 403)
    server = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now))
    times = f"<RequestTime>{signed}</RequestTime><ServerTime>{server}</ServerTime>"
    times += f"<MaxAllowedSkewMilliseconds>{minutes * 60_000}</MaxAllowedSkewMilliseconds>"
    response.set_data(response.get_data(as_text=True).replace("</Message>", f"</Message>{times}"))
    return response


def _text(seconds: int) -> str:
    return time.strftime(_FORMAT, time.gmtime(seconds))
