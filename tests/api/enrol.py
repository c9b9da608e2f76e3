"""A terminal that enrols, by implementations that are not ours: pyhpke (RFC 9180), Python's ssl, http-message-signatures.

Reads one JSON job on standard input; writes JSON, one object a line:

- {"do": "enrol", "service": URL, "ca": PEM or null}: enrols at a service. Writes {"code"} when it shows one, and, when it was
  accepted, {"plain", "check", "status", "tls"}: what it got, its check number, the status of a first signed request, and
  the version of TLS. `ca` is believed for the enrolment; afterwards the one that came sealed, alone.
- {"do": "seal", "public_key": HEX, "plain": TEXT}: seals to a terminal. Writes {"encapsulated", "sealed", "check"}.
"""

import datetime
import hashlib
import json
import ssl
import sys
import time
import urllib.error
import urllib.request
from types import SimpleNamespace

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from http_message_signatures import HTTPMessageSigner, algorithms
from pyhpke import AEADId, CipherSuite, KDFId, KEMId
from pyhpke.kem_key import KEMKey

SUITE = CipherSuite.new(KEMId.DHKEM_X25519_HKDF_SHA256, KDFId.HKDF_SHA256, AEADId.CHACHA20_POLY1305)
INFO = b"PASJE enrolment 1"
DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def say(**what):
    print(json.dumps(what), flush=True)


def code_of(public_key):
    bits = int.from_bytes(hashlib.sha256(b"PASJE enrolment" + public_key).digest(), "big") >> 206
    digits = "".join(DIGITS[bits >> (45 - 5 * place) & 31] for place in range(10))
    return f"{digits[:5]}-{digits[5:]}"


def check_of(context):
    number = int.from_bytes(context.export(b"PASJE check 1", 8), "big") % 1_000_000
    return f"{number // 1000:03} {number % 1000:03}"


def ask(url, ca, body=None, headers=None):
    settings = ssl.create_default_context(cadata=ca) if ca else None
    request = urllib.request.Request(url, data=body, headers=headers or {})
    try:
        with urllib.request.urlopen(request, context=settings, timeout=20) as reply:
            return reply.status, reply.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def tls_version(service, ca):
    import socket
    from urllib.parse import urlsplit

    place = urlsplit(service)
    if place.scheme != "https":
        return None
    settings = ssl.create_default_context(cadata=ca)
    with socket.create_connection((place.hostname, place.port)) as plain:
        with settings.wrap_socket(plain, server_hostname=place.hostname) as wrapped:
            return wrapped.version()


class OneKey:
    def __init__(self, key):
        self.key = key

    def resolve_private_key(self, key_id):
        return self.key

    resolve_public_key = resolve_private_key


def first_signed_request(service, ca, terminal, key):
    url = f"{service}/api/v1/catalogue"
    host = service.split("://")[1]
    message = SimpleNamespace(method="GET", url=url, headers={"Host": host})
    signer = HTTPMessageSigner(signature_algorithm=algorithms.HMAC_SHA256, key_resolver=OneKey(key))
    now = datetime.datetime.now(tz=datetime.timezone.utc)
    signer.sign(
        message,
        key_id=terminal,
        created=now,
        expires=now + datetime.timedelta(seconds=60),
        nonce="python",
        tag="pasje-terminal",
        label="sig",
        include_alg=False,
        covered_component_ids=("@method", "@authority", "@path", "@query"),
    )
    status, _ = ask(url, ca, headers=message.headers)
    return status


def enrol(job):
    service, ca = job["service"], job["ca"]
    private = X25519PrivateKey.generate()
    public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    body = json.dumps({"public_key": public.hex()}).encode()
    status, offered = ask(f"{service}/api/v1/enrolments", ca, body, {"Content-Type": "application/json"})
    assert status == 201, (status, offered)
    offered = json.loads(offered)
    code = code_of(public)
    assert offered["code"] == code, (offered, code)
    say(code=code)
    deadline = time.monotonic() + 40
    while True:
        assert time.monotonic() < deadline, "nobody accepted the code"
        status, answer = ask(f"{service}/api/v1/enrolments/{code}", ca)
        if status == 200:
            break
        assert (status, answer) == (202, b""), (status, answer)
        time.sleep(0.1)
    answer = json.loads(answer)
    secret = private.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
    recipient = SUITE.create_recipient_context(
        bytes.fromhex(answer["encapsulated"]), KEMKey.from_pyca_cryptography_key(X25519PrivateKey.from_private_bytes(secret)), info=INFO
    )
    plain = json.loads(recipient.open(bytes.fromhex(answer["sealed"]), aad=code.encode()))
    if service.startswith("https"):
        assert plain["ca"] == ca, "another CA came sealed"
    status = first_signed_request(service, plain["ca"], plain["terminal"], bytes.fromhex(plain["key"]))
    say(plain=plain, check=check_of(recipient), status=status, tls=tls_version(service, plain["ca"]))


def seal(job):
    public = bytes.fromhex(job["public_key"])
    to = KEMKey.from_pyca_cryptography_key(X25519PublicKey.from_public_bytes(public))
    encapsulated, sender = SUITE.create_sender_context(to, info=INFO)
    sealed = sender.seal(job["plain"].encode(), aad=code_of(public).encode())
    say(encapsulated=encapsulated.hex(), sealed=sealed.hex(), check=check_of(sender))


job = json.load(sys.stdin)
{"enrol": enrol, "seal": seal}[job["do"]](job)
