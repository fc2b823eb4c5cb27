"""Choose the certificate by the requested name; refuse names without a record."""

import hashlib
import ssl
import tempfile
from collections.abc import Callable
from pathlib import Path
from weakref import WeakKeyDictionary

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from rehearsal.load_balancer.model import LoadBalancer, Picture

HTTPS = 443
Connection = ssl.SSLObject | ssl.SSLSocket


class Certificates:
    """Server side of TLS for all load balancers.

    `picture` returns the latest snapshot without waiting.
    """

    def __init__(self, picture: Callable[[], Picture]) -> None:
        self._picture = picture
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._balancers: WeakKeyDictionary[Connection, LoadBalancer] = WeakKeyDictionary()
        self.context = _context()
        self.context.sni_callback = self._choose

    def balancer_of(self, connection: Connection) -> LoadBalancer | None:
        """Return the load balancer that the connection was made to."""
        return self._balancers.get(connection)

    def _choose(self, connection: Connection, name: str | None, _: ssl.SSLContext) -> int | None:
        """Choose the certificate of a connection; return an alert, or None to go on.

        OpenSSL calls it in the midst of a handshake.
        """
        picture = self._picture()
        balancer = picture.balancer_of(name) if name else None
        if balancer is None:
            # A name without a record does not resolve, so on AWS there would be no server to talk to.
            return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
        listener = balancer.listeners.get(HTTPS)
        if listener is None or HTTPS not in balancer.admitted_ports:
            return ssl.ALERT_DESCRIPTION_ACCESS_DENIED
        known = [picture.certificates[arn] for arn in listener.certificates if arn in picture.certificates]
        if not known:
            return ssl.ALERT_DESCRIPTION_HANDSHAKE_FAILURE
        connection.context = self._context_for(*known[0], listener.tls_1_3_only)
        self._balancers[connection] = balancer
        return None

    def _context_for(self, chain: bytes, key: bytes, tls_1_3_only: bool) -> ssl.SSLContext:
        digest = hashlib.sha256(chain + key + bytes([tls_1_3_only])).hexdigest()
        if digest not in self._contexts:
            context = _context()
            if tls_1_3_only:
                context.minimum_version = ssl.TLSVersion.TLSv1_3
            _load(context, chain, key)
            self._contexts[digest] = context
        return self._contexts[digest]


class _Outspoken(ssl.SSLObject):
    """TLS object that lets asyncio send the alert of a refused handshake.

    asyncio by itself closes the connection with the alert unsent.
    """

    _refused = False

    def do_handshake(self) -> None:
        try:
            super().do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError as error:
            if self._refused:
                raise
            self._refused = True
            # "Wants to read" makes asyncio write the pending alert, and the next turn ends the connection.
            raise ssl.SSLWantReadError from error


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.sslobject_class = _Outspoken
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


def _load(context: ssl.SSLContext, chain: bytes, key: bytes) -> None:
    """Load a certificate and its key through a temporary file.

    Python's ssl takes keys from files only; this one lives for a moment, in a folder that nobody else may open.
    """
    first, *others = x509.load_pem_x509_certificates(chain)
    # Roots are not sent, because a browser trusts only its own, and moto adds one that signed nothing here.
    sent = [first, *(item for item in others if item.issuer != item.subject)]
    chain = b"".join(item.public_bytes(Encoding.PEM) for item in sent)
    with tempfile.TemporaryDirectory(prefix="rehearsal-tls-") as folder:
        file = Path(folder) / "pair.pem"
        file.write_bytes(key + b"\n" + chain)
        context.load_cert_chain(file)
