"""What every Python client goes through; a client is an object with the eight methods used here, and those of the other scenarios."""

import importlib
import os
import sys
import time

import records as r

BOOTSTRAP = os.environ["E2E_BOOTSTRAP"]
PREFIX = os.environ["E2E_PREFIX"]
MODE = os.environ.get("E2E_MODE", "full")  # full | write (and leave it there) | read (what another client wrote)


def until(what, condition, seconds=120):
    """Polls a condition of the cluster that other clients' requests can precede."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"timed out: {what}")
        time.sleep(0.02)


def equal(what, got, want):
    if got != want:
        raise AssertionError(f"{what}: got {got}, want {want}")


def main(name, make):
    """Goes through the scenario that E2E_SCENARIO names, with a new client."""
    wanted = os.environ.get("E2E_SCENARIO", "records")
    if wanted == "records":
        run(name, make())
    else:
        # groups.py and transactions.py, which need this module themselves.
        importlib.import_module(wanted).run(name, make())


def run(name, client):
    for codec in r.CODECS:
        started = time.monotonic()
        topic = f"{PREFIX}-{codec}"
        if MODE != "read":
            client.create_topic(topic, r.PARTITIONS)
            write(client, topic, codec)
        if MODE != "write":
            read(client, topic)
            offsets(client, topic)
        if MODE == "full":
            delete(client, topic)
        print(f"{name}: {MODE} {codec}: {r.COUNT} records, {time.monotonic() - started:.1f} s")
        sys.stdout.flush()
    client.close()


def write(client, topic, codec):
    def all_records():
        for n in range(r.COUNT):
            p, i = n % r.PARTITIONS, n // r.PARTITIONS
            yield p, r.key(p, i), r.value(p, i), r.headers(p, i), r.timestamp(p, i)

    acknowledged = client.produce(topic, codec, all_records())  # partition -> offsets in order of sending
    for p in range(r.PARTITIONS):
        equal(f"acknowledged offsets of {topic}-{p}", acknowledged[p], list(range(r.count_of(p))))


def read(client, topic):
    for p in range(r.PARTITIONS):
        got = client.read(topic, p, 0, r.count_of(p))
        equal(f"records of {topic}-{p}", len(got), r.count_of(p))
        for i, record in enumerate(got):
            r.compare(p, i, *record)


def offsets(client, topic):
    for p in range(r.PARTITIONS):
        equal(f"first and last offset of {topic}-{p}", client.bounds(topic, p), (0, r.count_of(p)))
        middle = r.count_of(p) // 2
        equal(f"offset by time of {topic}-{p}", client.offset_at(topic, p, r.T0 + 3 * middle), middle)
        equal(f"offset after the last of {topic}-{p}", client.offset_at(topic, p, r.T0 + 3 * r.COUNT + 1000), None)


def delete(client, topic):
    start = r.count_of(0) // 3
    if client.delete_records(topic, 0, start) is not NotImplemented:
        equal(f"first offset of {topic}-0 after delete", client.bounds(topic, 0), (start, r.count_of(0)))
        first = client.read(topic, 0, start, 1)[0]
        r.compare(0, start, *first)
    client.delete_topic(topic)
    until(f"{topic} is gone", lambda: topic not in client.topics())
