"""Reads handstamp's formats, as docs/formats.md describes them, with nothing but Python's standard library.

Usage: python3 decode.py vectors.json

Every vector is decoded and compared with its given content. A change of any bit has to be detected. The vectors under `rejected`
have to be rejected for the given reason.
"""

import base64
import hashlib
import hmac
import json
import re
import struct
import sys

CRITICAL, BOUND_TO_SUBJECT = 1 << 15, 1 << 14
# The types of the fields by section, with all their bits, and the lengths of the values.
OPEN = {
    1 | CRITICAL: ("created_at", 8),
    2 | CRITICAL: ("saved_at", 8),
    3 | CRITICAL: ("expires_at", 8),
    4 | CRITICAL: ("idle_timeout", 8),
    5 | CRITICAL: ("payload", 3),
    7: ("sealed_before", 4),
}
CLOSED = {6 | CRITICAL | BOUND_TO_SUBJECT: ("subject", None)}
TOMBSTONE_OPEN = {8: ("same_subject", 0)}
NUMBERS = range(1, 9)
NUMERIC = ("created_at", "saved_at", "expires_at", "idle_timeout")
MESSAGES = {1: "SessionDeleted", 2: "SessionInvalidated", 3: "CacheClear", 4: "SessionMoved"}
NONE = bytes(32)


class Rejected(Exception):
    """The reason of a rejection, as in docs/formats.md."""


def len16(text):
    return struct.pack(">H", len(text.encode()))


def pad(prefix):
    return prefix + bytes(-len(prefix) % 64)


def expand(prk, info, length):
    """HKDF-Expand of RFC 5869, for at most one block."""
    return hmac.digest(prk, info.encode() + b"\x01", "sha256")[:length]


class Secret:
    """A secret of a namespace, and the keys derived from it."""

    def __init__(self, secret, namespace):
        salt = hashlib.sha256(b"sess/v1" + len16(namespace) + namespace.encode()).digest()
        prk = hmac.digest(salt, secret, "sha256")
        self.namespace = namespace
        self.id = expand(prk, "sess/v1/key-id", 4)
        self.cookie_key = expand(prk, "sess/v1/cookie-mac", 32)
        self.bus_key = expand(prk, "sess/v1/bus-mac", 32)
        self.record_key = expand(prk, "sess/v1/record-mac", 32)


def require(condition, reason="malformed"):
    if not condition:
        raise Rejected(reason)


def check(key, message, tag):
    require(hmac.compare_digest(hmac.digest(key, message, "sha256"), tag), "forged")


def text(value):
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise Rejected("malformed") from None


class Reader:
    """Takes bytes off the front of others."""

    def __init__(self, data):
        self.rest = data

    def take(self, length):
        require(len(self.rest) >= length)
        taken, self.rest = self.rest[:length], self.rest[length:]
        return taken

    def number(self, length):
        return int.from_bytes(self.take(length), "big")


def label(subject, namespace, pepper):
    """What the ids and keys of a subject's sessions have in common."""
    message = b"sess/v1/label\0" + len16(namespace) + namespace.encode() + subject.encode()
    if pepper is None:
        return hashlib.sha256(message).digest()[:2]
    return hmac.digest(pepper, message, "sha256")[:2]


def session_key(session_id, namespace):
    hashed = hashlib.sha256(b"sess/v1/key\0" + len16(namespace) + namespace.encode() + session_id)
    return hashed.digest()[:30] + session_id[:2]


def read_cookie(value, name, secret):
    """The session id in a cookie."""
    require(re.fullmatch("[A-Za-z0-9_-]{88}", value))
    raw = base64.urlsafe_b64decode(value)
    version, key_id, session_id, tag = raw[0], raw[1], raw[2:34], raw[34:]
    require(version == 1, "unknown version")
    require(key_id == secret.id[0], "unknown key")
    prefix = b"sess/v1/cookie\0" + bytes([version, key_id])
    for part in (name, secret.namespace):
        prefix += len16(part) + part.encode()
    check(secret.cookie_key, pad(prefix) + session_id, tag)
    return session_id


def read_fields(section, known):
    """The known fields of a section, and the others."""
    reader, fields, unknown = Reader(section), {}, []
    while reader.rest:
        kind = reader.number(2)
        value = reader.take(reader.number(2))
        if kind in known:
            name, length = known[kind]
            require(name not in fields and length in (None, len(value)))
            fields[name] = text(value) if name == "subject" else value
        else:
            is_taken = kind & ~(CRITICAL | BOUND_TO_SUBJECT) in NUMBERS
            require(not kind & CRITICAL and not is_taken, "unknown field")
            unknown.append({"type": kind, "value": value.hex()})
    return fields, unknown


def read_entry(data, key, secret):
    """A record or a tombstone."""
    reader = Reader(data)
    header = Reader(reader.take(76))
    magic, version, flags = header.take(2), header.number(1), header.number(1)
    require(magic in (b"hs", b"ht") and version != 0)
    require(version == 1, "unknown version")
    content = {"revision": header.take(16).hex()}
    handle, relative = header.take(16), header.take(32)
    open_len, closed_len = header.number(4), header.number(4)
    require(reader.number(1) == 1, "unknown seal")
    key_id = reader.take(4)
    sections = [reader.take(open_len), reader.take(closed_len)]
    covered = data[: len(data) - len(reader.rest)]
    tag = reader.take(32)
    require(key_id == secret.id, "unknown key")
    name = secret.namespace
    prefix = pad(b"sess/v1/record\0" + len16(name) + name.encode())
    check(secret.record_key, prefix + b"\0" + key + covered, tag)
    require(flags == 0, "unknown flags")
    related = relative.hex() if relative != NONE else None
    if magic == b"ht":
        fields, _ = read_fields(sections[0], TOMBSTONE_OPEN)
        read_fields(sections[1], {})
        require(not reader.rest)
        return content | {"successor": related, "same_subject": "same_subject" in fields}
    payload, payload_tag = reader.take(max(len(reader.rest) - 32, 0)), reader.take(32)
    check(secret.record_key, prefix + b"\1" + key + tag + payload, payload_tag)
    fields, unknown_open = read_fields(sections[0], OPEN)
    closed, unknown_closed = read_fields(sections[1], CLOSED)
    require("payload" in fields and all(name in fields for name in NUMERIC))
    encoding, schema = fields["payload"][0], int.from_bytes(fields["payload"][1:], "big")
    require(encoding in (0, 1), "unknown encoding")
    return content | {name: int.from_bytes(fields[name], "big") for name in NUMERIC} | {
        "handle": handle.hex(),
        "predecessor": related,
        "subject": closed.get("subject"),
        "encoding": encoding,
        "schema": schema,
        "payload": payload.hex(),
        "sealed_before": fields["sealed_before"].hex() if "sealed_before" in fields else None,
        "unknown_open": unknown_open,
        "unknown_closed": unknown_closed,
    }


def read_message(data, secret):
    """A message on the bus."""
    require(34 <= len(data) <= 512)
    content, tag = data[:-32], data[-32:]
    reader = Reader(content)
    version, key_id = reader.number(1), reader.number(1)
    require(key_id == secret.id[0], "unknown key")
    check(secret.bus_key, b"sess/v1/bus\0" + content, tag)
    require(version == 1, "unknown version")
    kind = reader.number(1)
    require(kind in MESSAGES, "unknown version")
    sent_at, node = reader.number(8), text(reader.take(reader.number(1)))
    require(re.fullmatch("[!-~]{1,90}", node))
    message = {"kind": MESSAGES[kind], "sent_at": sent_at, "node": node}
    if kind != 3:
        message["key"] = reader.take(32).hex()
    if kind == 2:
        message["revision"] = reader.take(16).hex()
    require(not reader.rest)
    return message


def every_bit_counts(read, data):
    for bit in range(len(data) * 8):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        try:
            read(bytes(changed))
        except Rejected:
            continue
        raise AssertionError(f"bit {bit} may be changed")


def is_rejected(read, value, vector):
    try:
        read(value)
    except Rejected as rejection:
        assert str(rejection) == vector["reason"], f"{vector['about']}: {rejection}, not {vector['reason']}"
        return
    raise AssertionError(f"{vector['about']}: not rejected")


def main(path):
    with open(path, encoding="utf-8") as file:
        vectors = json.load(file)
    secret = Secret(bytes.fromhex(vectors["secret"]), vectors["namespace"])
    assert secret.id.hex() == vectors["key_id"], "key id"
    for vector in vectors["labels"]:
        pepper = bytes.fromhex(vector["pepper"]) if vector["pepper"] else None
        found = label(vector["subject"], vectors["namespace"], pepper)
        assert found.hex() == vector["label"], vector
    session_id = bytes.fromhex(vectors["session_id"])
    key = session_key(session_id, vectors["namespace"])
    assert key.hex() == vectors["session_key"], "session key"
    cookie = vectors["cookie"]
    assert read_cookie(cookie["value"], cookie["name"], secret) == session_id, "cookie"
    for vector in vectors["entries"]:
        data = bytes.fromhex(vector["bytes"])
        assert read_entry(data, key, secret) == vector["content"], vector["content"]
        every_bit_counts(lambda data: read_entry(data, key, secret), data)
    for vector in vectors["messages"]:
        data = bytes.fromhex(vector["bytes"])
        assert read_message(data, secret) == vector["content"], vector["content"]
        every_bit_counts(lambda data: read_message(data, secret), data)
    rejected = vectors["rejected"]
    for vector in rejected["cookies"]:
        is_rejected(lambda value: read_cookie(value, cookie["name"], secret), vector["value"], vector)
    for vector in rejected["entries"]:
        is_rejected(lambda data: read_entry(data, key, secret), bytes.fromhex(vector["bytes"]), vector)
    for vector in rejected["messages"]:
        is_rejected(lambda data: read_message(data, secret), bytes.fromhex(vector["bytes"]), vector)
    counts = len(vectors["entries"]), len(vectors["messages"]), sum(map(len, rejected.values()))
    print("%d entries and %d messages are as described, and %d others are rejected" % counts)


if __name__ == "__main__":
    main(sys.argv[1])
