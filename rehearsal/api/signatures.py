"""Verify the signatures of AWS requests with botocore's own signers, as AWS does."""

import calendar
import hashlib
import hmac
import re
import time
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from botocore.auth import HmacV1Auth, S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

_HEADER = re.compile(r"AWS4-HMAC-SHA256 Credential=([^,\s]+), ?SignedHeaders=([^,\s]+), ?Signature=([0-9a-f]{64})")
_DIGEST = re.compile(r"[0-9a-f]{64}")


def is_signed(environ: dict[str, Any], body: bytes, access_key: str, secret_key: str) -> bool:
    """Return whether this key signed the WSGI request.

    It is signed by a header, or as a presigned URL that is still valid.
    """
    credentials = Credentials(access_key, secret_key)
    url = f"http://{environ.get('HTTP_HOST', '')}{_target(environ)}"
    query = dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))
    try:
        if match := _HEADER.fullmatch(environ.get("HTTP_AUTHORIZATION", "")):
            scope, headers, signature = match.groups()
            if "host" not in headers.split(";") or not _is_of_body(environ, body):
                return False
            return _matches(credentials, environ, body, url, (scope, headers, environ["HTTP_X_AMZ_DATE"]), signature)
        if "X-Amz-Signature" in query:
            date = query["X-Amz-Date"]
            parts = (query["X-Amz-Credential"], query["X-Amz-SignedHeaders"], date)
            ends = calendar.timegm(time.strptime(date, "%Y%m%dT%H%M%SZ")) + int(query["X-Amz-Expires"])
            bare = re.sub(r"(?<=[?&])X-Amz-Signature=[^&]*&?", "", url).rstrip("?&")
            valid = time.time() < ends and "host" in parts[1].split(";")
            return valid and _matches(credentials, environ, None, bare, parts, query["X-Amz-Signature"])
        return "Signature" in query and _is_presigned_by_version_2(credentials, environ, url, query)
    except (KeyError, ValueError):
        return False


def _matches(
    credentials: Credentials,
    environ: dict[str, Any],
    body: bytes | None,
    url: str,
    parts: tuple[str, str, str],
    signature: str,
) -> bool:
    """Recompute a signature of version 4; a presigned URL has no body here."""
    scope, names, date = parts
    access_key, day, region, service, end = scope.split("/")
    if access_key != credentials.access_key or day != date[:8] or end != "aws4_request":
        return False
    headers = {name: _header(environ, name) for name in names.split(";")}
    signer: SigV4Auth
    if service != "s3":
        signer = SigV4Auth(credentials, service, region)
    elif body is None:
        signer = S3SigV4QueryAuth(credentials, service, region)
    else:
        signer = S3SigV4Auth(credentials, service, region)
    request = AWSRequest(environ["REQUEST_METHOD"], url, headers, body or b"")
    request.context["timestamp"] = date
    # The signer leaves out headers that proxies change, so signed ones among them would go unchecked.
    if signer.signed_headers(signer.headers_to_sign(request)) != names:
        return False
    expected = signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)
    return hmac.compare_digest(expected, signature)


def _is_presigned_by_version_2(
    credentials: Credentials, environ: dict[str, Any], url: str, query: dict[str, str]
) -> bool:
    """Return whether the URL is presigned by this key with signature version 2.

    boto3 presigns so for S3 where no region asks for more.
    """
    if query["AWSAccessKeyId"] != credentials.access_key or time.time() >= int(query["Expires"]):
        return False
    # boto3 puts no header of S3's own into such a URL.
    if any(name.startswith("HTTP_X_AMZ_") for name in environ):
        return False
    signer = HmacV1Auth(credentials)
    lines = (environ["REQUEST_METHOD"], _header(environ, "content-md5"), _header(environ, "content-type"))
    text = "\n".join([*lines, query["Expires"], signer.canonical_resource(urlsplit(url))])
    return hmac.compare_digest(signer.sign_string(text), query["Signature"])


def _is_of_body(environ: dict[str, Any], body: bytes) -> bool:
    """Return whether a digest that the signature covers is the body's."""
    told = str(environ.get("HTTP_X_AMZ_CONTENT_SHA256", ""))
    return not _DIGEST.fullmatch(told) or told == hashlib.sha256(body).hexdigest()


def _header(environ: dict[str, Any], name: str) -> str:
    variable = name.upper().replace("-", "_")
    return str(environ.get(variable if variable in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{variable}", ""))


def _target(environ: dict[str, Any]) -> str:
    """Return path and query as the client sent them."""
    target = str(environ["RAW_URI"])
    return target if target.startswith("/") else f"/{target.partition('//')[2].partition('/')[2]}"
