"""HTTP Message Signatures by an implementation that is not ours: the package http-message-signatures.

Reads a JSON array of jobs on standard input and writes a JSON array of their results on standard output:

- {"do": "sign", ...} answers {"headers": {...}}: the request's headers with the signature's added;
- {"do": "verify", ...} answers {"covered": [...]} or {"refused": "why"}.

Keys and bodies are base64.
"""

import base64
import datetime
import json
import sys
from types import SimpleNamespace

from http_message_signatures import (
    HTTPMessageSigner,
    HTTPMessageVerifier,
    InvalidSignature,
    algorithms,
)


class OneKey:
    """Knows one key under one name."""

    def __init__(self, job):
        self.keyid = job["keyid"]
        self.key = base64.b64decode(job["key"])

    def resolve_private_key(self, key_id):
        assert key_id == self.keyid
        return self.key

    def resolve_public_key(self, key_id):
        return self.key if key_id == self.keyid else None


class OrderedSigner(HTTPMessageSigner):
    """Writes the signature's parameters in the order asked for; the package has an order of its own."""

    order = ()

    def _build_signature_base(self, message, *, signature_params, **others):
        assert set(self.order) == set(signature_params), (self.order, signature_params)
        ordered = {name: signature_params[name] for name in self.order}
        return super()._build_signature_base(message, signature_params=ordered, **others)


def body_of(job):
    return None if job["body"] is None else base64.b64decode(job["body"])


def sign(job):
    message = SimpleNamespace(method=job["method"], url=job["url"], headers=dict(job["headers"]))
    signer = OrderedSigner(signature_algorithm=algorithms.HMAC_SHA256, key_resolver=OneKey(job))
    signer.order = job["parameters"]
    at = lambda unix_s: datetime.datetime.fromtimestamp(unix_s, tz=datetime.timezone.utc)
    signer.sign(
        message,
        key_id=job["keyid"],
        created=at(job["created"]),
        expires=at(job["expires"]),
        nonce=job["nonce"],
        tag=job["tag"],
        label=job["label"],
        include_alg="alg" in job["parameters"],
        covered_component_ids=job["components"],
        body=body_of(job),
    )
    return {"headers": message.headers}


def verify(job):
    message = SimpleNamespace(method=job["method"], url=job["url"], headers=dict(job["headers"]))
    verifier = HTTPMessageVerifier(signature_algorithm=algorithms.HMAC_SHA256, key_resolver=OneKey(job))
    try:
        results = verifier.verify(
            message,
            max_age=datetime.timedelta(seconds=60),
            expect_tag=job["tag"],
            require_components=job["components"],
            body=body_of(job),
        )
    except InvalidSignature as refused:
        return {"refused": str(refused)}
    (result,) = results
    return {"covered": list(result.covered_components)}


jobs = {"sign": sign, "verify": verify}
json.dump([jobs[job["do"]](job) for job in json.load(sys.stdin)], sys.stdout)
