"""The records every e2e client writes and expects: a pure function of partition and index.

The same rules stand in java/Records.java, node/records.mjs, go/records/records.go and rust/src/records.rs.
"""

import os

PARTITIONS = 3
COUNT = int(os.environ.get("E2E_COUNT", "10000"))
T0 = int(os.environ["E2E_T0"])
CODECS = os.environ.get("E2E_CODECS", "none,gzip,snappy,lz4,zstd").split(",")
# What the writer can say: b = key and value both null, d = duplicate header keys, h = null header values.
SHAPE = os.environ.get("E2E_SHAPE", "bdh")


def count_of(partition):
    """Records of a partition: the indexes go round the partitions."""
    return (COUNT - partition + PARTITIONS - 1) // PARTITIONS


def key(p, i):
    if i % 7 == 0:
        return None
    return b"" if i % 7 == 1 else b"key-%d-%d" % (p, i)


def value(p, i):
    if i % 11 == 0:
        return b"" if i % 7 == 0 and "b" not in SHAPE else None
    if i % 11 == 1:
        return b""
    return bytes((p * 7 + i + j * 31) % 256 for j in range(i * 37 % 200 + 1))


def headers(p, i):
    if i % 3 == 0:
        return []
    if i % 3 == 1:
        return [("trace", b"%d/%d" % (p, i))]
    result = [
        ("dup", b"a%d" % i),
        ("bin", bytes([0, 255, i % 256])),
        ("dup" if "d" in SHAPE else "dup2", b"b"),
        ("empty", b""),
    ]
    if i % 2 == 1 and "h" in SHAPE:
        result.append(("null", None))
    return result


def timestamp(p, i):
    return T0 + 3 * i + p


def compare(p, i, offset, got_key, got_value, got_headers, got_timestamp):
    """Raises with both sides when a record is not the one that was written."""
    want = (i, key(p, i), value(p, i), headers(p, i), timestamp(p, i))
    got = (
        offset,
        None if got_key is None else bytes(got_key),
        None if got_value is None else bytes(got_value),
        [(k, None if v is None else bytes(v)) for k, v in got_headers],
        got_timestamp,
    )
    if got != want:
        raise AssertionError(f"partition {p} index {i}:\n  want {want}\n  got  {got}")
