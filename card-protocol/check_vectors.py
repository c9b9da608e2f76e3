#!/usr/bin/env python3
"""Checks vectors of the card protocol without the Rust crate, from docs/card-protocol.md alone.

    python3 check_vectors.py [v1.json]

Recomputes every output from the inputs, with nothing but Python's own hashlib and hmac. Prints a line for each section
and exits 0; at the first difference it says where and exits 1.
"""

import hashlib
import hmac
import json
import os
import sys

VERSION = bytes([1])
APPLICATION = b"\xf0PASJE" + VERSION
ANY_LENGTH = b"\x00"
DONE = bytes.fromhex("9000")

CARD_KEY_LABELS = {
    "transaction": b"PASJE card transaction",
    "response": b"PASJE card response",
    "script": b"PASJE card script",
    "offline_verify": b"PASJE card offline verify",
}
TERMINAL_KEY_LABEL = b"PASJE terminal verify"

# Fields of the transaction record after tag and version, as the table of the document has them.
TRANSACTION_FIELDS = [
    ("card", 16),
    ("generation", 1),
    ("counter", 4),
    ("terminal", 16),
    ("location", 16),
    ("terminal_sequence", 8),
    ("terminal_nonce", 8),
    ("kind", 1),
    ("decision", 1),
    ("holder_verification", 1),
    ("currency", 2),
    ("amount", 8),
    ("time", 8),
    ("basket_digest", 16),
    ("offline_total", 4),
    ("offline_count", 1),
    ("script_number", 4),
]
AUTHORISE_FIELDS = [
    "terminal",
    "location",
    "terminal_sequence",
    "terminal_nonce",
    "kind",
    "currency",
    "amount",
    "time",
    "basket_digest",
    "online",
]
AUTHORISED_FIELDS = ["decision", "generation", "counter", "holder_verification", "offline_total", "offline_count", "script_number"]

# Parameters of each change of a script.
CHANGES = {
    1: [("tap_limit", 4), ("total_limit", 4), ("count_limit", 1)],
    2: [],
    3: [],
    4: [],
    5: [("new_generation", 1)],
}

STATUSES = {
    "done": "9000",
    "wrong_length": "6700",
    "mac_wrong": "6982",
    "not_now": "6985",
    "wrong_data": "6a80",
    "not_found": "6a82",
    "wrong_parameters": "6a86",
    "no_instruction": "6d00",
    "no_class": "6e00",
    "no_pin": "6a88",
    "pin_blocked": "6983",
    "pin_wrong_2_left": "63c2",
    "pin_wrong_1_left": "63c1",
    "pin_wrong_0_left": "63c0",
    "dead": "6f00",
}


class Difference(Exception):
    """What the file says is not what the document says."""


class Vector:
    """One object of the file. Every field must be asked for, as an input or as an output."""

    def __init__(self, where, fields):
        self.where = where
        self.fields = dict(fields)
        self.fields.pop("name", None)

    def input(self, name, length):
        value = self.output(name)
        if len(value) != length:
            raise Difference(f"{self.where}: {name} has {len(value)} bytes, not {length}")
        return value

    def output(self, name):
        if name not in self.fields:
            raise Difference(f"{self.where}: {name} is missing")
        text = self.fields.pop(name)
        try:
            value = bytes.fromhex(text)
        except (TypeError, ValueError):
            raise Difference(f"{self.where}: {name} is not hexadecimal") from None
        if value.hex() != text:
            raise Difference(f"{self.where}: {name} is not in plain lower case")
        return value

    def expect(self, name, computed):
        stored = self.output(name)
        if stored != computed:
            raise Difference(f"{self.where}: {name} is {stored.hex()}, computed {computed.hex()}")

    def end(self):
        if self.fields:
            raise Difference(f"{self.where}: unknown {', '.join(self.fields)}")


def hmac_sha256(key, data):
    return hmac.new(key, data, hashlib.sha256).digest()


def mac(key, record):
    return hmac_sha256(key, record)[:16]


def derivation_input(label, context):
    return bytes.fromhex("00000001") + label + b"\x00" + context + bytes.fromhex("00000100")


def apdu(header, data=b""):
    length = bytes([len(data)]) if data else b""
    return bytes.fromhex(header) + length + data + ANY_LENGTH


def check_keys(vector):
    parent = vector.input("master", 32)
    card = vector.input("card", 16) + vector.input("generation", 1)
    for name, label in CARD_KEY_LABELS.items():
        data = derivation_input(label, card)
        vector.expect(f"{name}_input", data)
        key = hmac_sha256(parent, data)
        vector.expect(f"{name}_key", key)
        if name == "offline_verify":
            offline_verify = key
    data = derivation_input(TERMINAL_KEY_LABEL, vector.input("terminal", 16) + vector.input("location", 16))
    vector.expect("terminal_verify_input", data)
    vector.expect("terminal_verify_key", hmac_sha256(offline_verify, data))


def check_baskets(vector):
    lines = vector.fields.pop("lines", None)
    if not isinstance(lines, list):
        raise Difference(f"{vector.where}: lines are missing")
    basket = len(lines).to_bytes(2, "big")
    for number, fields in enumerate(lines):
        line = Vector(f"{vector.where}, line {number}", fields)
        basket += line.input("service", 16) + line.input("quantity", 4) + line.input("hold", 16)
        line.end()
    data = b"PASJEBSK" + VERSION + vector.input("price_list", 4) + basket
    vector.expect("basket", basket)
    vector.expect("digest_input", data)
    vector.expect("digest", hashlib.sha256(data).digest()[:16])


def check_transactions(vector):
    field = {name: vector.input(name, length) for name, length in TRANSACTION_FIELDS}
    field["online"] = vector.input("online", 1)
    record = VERSION + b"".join(field[name] for name, _ in TRANSACTION_FIELDS)
    vector.expect("command", apdu("80100000", b"".join(field[name] for name in AUTHORISE_FIELDS)))

    for_service = b"PASJETXN" + record
    service_mac = mac(vector.input("transaction_key", 32), for_service)
    vector.expect("record", for_service)
    vector.expect("mac", service_mac)

    terminal_mac = bytes(16)
    if field["decision"] == b"\x01":
        for_terminal = b"PASJEVFY" + record
        terminal_mac = mac(vector.input("terminal_verify_key", 32), for_terminal)
        vector.expect("terminal_record", for_terminal)
    vector.expect("terminal_mac", terminal_mac)

    answer = b"".join(field[name] for name in AUTHORISED_FIELDS)
    vector.expect("answer", answer + service_mac + terminal_mac + DONE)
    return {name: int.from_bytes(value, "big") for name, value in field.items()} | {"card": field["card"]}


def pin_block(vector, digits):
    """4 to 8 digits, filled up with FF."""
    if not 4 <= len(digits) <= 8 or any(byte not in b"0123456789" for byte in digits):
        raise Difference(f"{vector.where}: a PIN has 4 to 8 digits")
    return digits.ljust(8, b"\xff")


def personalise(vector, card, generation):
    """PUT DATA that ends personalisation, from the vector's limits and PIN; and these."""
    limits = [vector.input(name, length) for name, length in CHANGES[1]]
    digits = vector.output("pin")
    block = pin_block(vector, digits) if digits else b"\xff" * 8
    return apdu("00da0200", card + generation + b"".join(limits) + block), limits, bool(digits)


def check_offline(vector):
    tap = check_transactions(vector)
    generation = bytes([tap["generation"]])
    command, limits, has_pin = personalise(vector, tap["card"], generation)
    vector.expect("personalise", command)
    tap_limit, total_limit, count_limit = (int.from_bytes(limit, "big") for limit in limits)
    blocked = vector.input("blocked", 1)[0]
    if blocked > 1 or tap["online"] != 0:
        raise Difference(f"{vector.where}: blocked is 00 or 01, and online is 00")
    vector.expect("select_answer", VERSION + tap["card"] + generation + bytes([blocked | has_pin << 1]) + DONE)

    total = int.from_bytes(vector.input("offline_total_before", 4), "big")
    count = vector.input("offline_count_before", 1)[0]
    approved = (
        not blocked
        and tap["kind"] == 1
        and (not has_pin or tap["holder_verification"] == 1)
        and tap["amount"] <= tap_limit
        and total + tap["amount"] <= total_limit
        and count + 1 <= count_limit
    )
    computed = (1, total + tap["amount"], count + 1) if approved else (0, total, count)
    stored = (tap["decision"], tap["offline_total"], tap["offline_count"])
    if stored != computed:
        raise Difference(f"{vector.where}: decision, total and count are {stored}, computed {computed}")


def check_pins(vector):
    block = pin_block(vector, vector.output("digits"))
    vector.expect("block", block)
    vector.expect("command", apdu("00200080", block))


def check_put_keys(vector):
    keys = [vector.input(f"{name}_key", 32) for name in CARD_KEY_LABELS]
    vector.expect("command", apdu("00da01" + vector.input("generation", 1).hex(), b"".join(keys)))


def check_personalisations(vector):
    command, _, _ = personalise(vector, vector.input("card", 16), vector.input("generation", 1))
    vector.expect("command", command)


def check_responses(vector):
    tap = vector.input("card", 16) + vector.input("generation", 1) + vector.input("counter", 4)
    sale = vector.input("sale", 16)
    outcome, amount = vector.input("outcome", 1), vector.input("approved_amount", 8)
    record = b"PASJERSP" + VERSION + tap + sale + outcome + amount
    vector.expect("record", record)
    response_mac = mac(vector.input("response_key", 32), record)
    vector.expect("mac", response_mac)
    answer = outcome + amount + sale + response_mac
    vector.expect("answer", answer)
    vector.expect("command", apdu("80120000", answer))


def check_scripts(vector):
    card = vector.input("card", 16) + vector.input("generation", 1)
    number, change = vector.input("number", 4), vector.input("change", 1)
    if change[0] not in CHANGES:
        raise Difference(f"{vector.where}: there is no change {change.hex()}")
    parameters = b"".join(vector.input(name, length) for name, length in CHANGES[change[0]])
    body = number + change + parameters.ljust(16, b"\x00")
    record = b"PASJESCR" + VERSION + card + body
    vector.expect("record", record)
    script_mac = mac(vector.input("script_key", 32), record)
    vector.expect("mac", script_mac)
    vector.expect("script", body + script_mac)
    vector.expect("command", apdu("80120000", vector.input("answer", 41) + body + script_mac))


def check_selects(vector):
    card, generation = vector.input("card", 16), vector.input("generation", 1)
    blocked, pin, blank = (vector.input(flag, 1)[0] for flag in ("blocked", "pin", "blank"))
    if max(blocked, pin, blank) > 1:
        raise Difference(f"{vector.where}: a flag is 00 or 01")
    vector.expect("command", apdu("00a40400", APPLICATION))
    vector.expect("answer", VERSION + card + generation + bytes([blocked | pin << 1 | blank << 2]) + DONE)


def check_lasts(vector):
    length = dict(TRANSACTION_FIELDS)
    journal = vector.input("state", 1) + vector.input("terminal", 16) + vector.input("terminal_sequence", 8)
    journal += b"".join(vector.input(name, length[name]) for name in AUTHORISED_FIELDS)
    journal += vector.input("mac", 16) + vector.input("terminal_mac", 16)
    journal += vector.input("sale", 16) + vector.input("approved_amount", 8)
    vector.expect("command", apdu("80140000"))
    vector.expect("answer", journal + DONE)


def check_statuses(name):
    def check(vector):
        if name not in STATUSES:
            raise Difference(f"{vector.where}: there is no such status")
        vector.expect("answer", bytes.fromhex(STATUSES[name]))

    return check


SECTIONS = {
    "keys": check_keys,
    "baskets": check_baskets,
    "transactions": check_transactions,
    "offline": check_offline,
    "responses": check_responses,
    "scripts": check_scripts,
    "selects": check_selects,
    "lasts": check_lasts,
    "pins": check_pins,
    "put_keys": check_put_keys,
    "personalisations": check_personalisations,
}


def check(vectors):
    """The number of vectors, all of which agree."""
    known = {"version", "status", "note", *SECTIONS, "statuses"}
    if set(vectors) != known:
        raise Difference(f"the file does not have exactly {', '.join(sorted(known))}")
    if vectors["version"] != VERSION[0]:
        raise Difference(f"version {vectors['version']} is not {VERSION[0]}")
    count = 0
    for section in [*SECTIONS, "statuses"]:
        if not vectors[section]:
            raise Difference(f"{section} is empty")
        for fields in vectors[section]:
            name = fields.get("name")
            vector = Vector(f"{section}, {name}", fields)
            recompute = SECTIONS.get(section) or check_statuses(name)
            recompute(vector)
            vector.end()
        count += len(vectors[section])
        print(f"{section}: {len(vectors[section])} agree")
    if {fields["name"] for fields in vectors["statuses"]} != set(STATUSES):
        raise Difference("statuses: not every status is there")
    return count


def main():
    beside = os.path.join(os.path.dirname(os.path.abspath(__file__)), "vectors", "v1.json")
    path = sys.argv[1] if len(sys.argv) > 1 else beside
    with open(path, encoding="utf-8") as file:
        vectors = json.load(file)
    try:
        count = check(vectors)
    except Difference as difference:
        print(difference, file=sys.stderr)
        sys.exit(1)
    print(f"checked {count} vectors")


main()
