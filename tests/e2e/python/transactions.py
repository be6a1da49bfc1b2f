"""Commit and abort, consume-transform-produce, fencing: for every Python client with a transactional producer."""

import time

import records as r
import scenario

PARTITIONS = 3


def send(producer, topic, what, count):
    """Begins a transaction and sends so many records, round the partitions; all are acknowledged when it returns."""
    producer.begin()
    producer.send(topic, [(n % PARTITIONS, b"%s-%d" % (what, n)) for n in range(count)])


def values(*parts):
    return sorted(b"%s-%d" % (what, n) for what, count in parts for n in range(count))


def check(client, topic, committed, *parts):
    """Reads until all wanted records are there, and once more for those that should not be."""
    want, got = values(*parts), []
    reader = client.reader(topic, range(PARTITIONS), committed)
    end = time.monotonic() + 120
    while len(got) < len(want):
        if time.monotonic() > end:
            raise AssertionError(f"{topic}: nothing more after {len(got)} of {len(want)} records")
        got += [bytes(value) for _, _, value in reader.poll()]
    for _ in range(10):
        got += [bytes(value) for _, _, value in reader.poll()]
    reader.close()
    scenario.equal(f"records of {topic}, {'committed' if committed else 'all'}", sorted(got), want)


def commit_and_abort(client, topic):
    half, quarter = r.COUNT // 2, r.COUNT // 4
    producer = client.transactional(topic)
    send(producer, topic, b"committed", half)
    producer.commit()
    send(producer, topic, b"aborted", quarter)
    producer.abort()
    send(producer, topic, b"open", quarter)
    check(client, topic, False, (b"committed", half), (b"aborted", quarter), (b"open", quarter))
    check(client, topic, True, (b"committed", half))
    producer.commit()
    producer.close()
    check(client, topic, True, (b"committed", half), (b"open", quarter))


def copy(client, source):
    """Batch by batch from one topic to another, the offsets within the transaction; every third one is aborted, and what reads goes on from the offsets."""
    target, count = f"{source}-to", r.COUNT // 4
    client.create_topic(target, PARTITIONS)
    producer = client.transactional(source)
    send(producer, source, b"in", count)
    producer.commit()
    producer.close()
    producer, copied, turn, next_offsets = client.transactional(target), 0, 0, {}
    consumer = client.member(source, source, "committed", lambda partitions: {})
    while copied < count:
        batch = list(consumer.poll())
        if not batch:
            continue
        turn += 1
        producer.begin()
        producer.send(target, [(partition, bytes(value)) for partition, _, value in batch])
        offsets = next_offsets | {partition: offset + 1 for partition, offset, _ in batch}
        producer.send_offsets(source, offsets, consumer)
        if turn % 3:
            producer.commit()
            copied += len(batch)
            next_offsets = offsets
        else:
            producer.abort()
            consumer.close()
            consumer = client.member(source, source, "committed", lambda partitions: {})
    consumer.close()
    producer.close()
    check(client, target, True, (b"in", count))
    committed = client.committed(source, source, range(PARTITIONS))
    scenario.equal(f"committed offsets of {source}", {p: o for p, (o, _) in committed.items()}, next_offsets)


def fence(client, topic):
    """A second producer with the same transactional id ends the first one's transaction, and the first one."""
    first = client.transactional(topic)
    send(first, topic, b"first", 3)
    second = client.transactional(topic)
    send(second, topic, b"second", 30)
    try:
        first.commit()
    except client.FENCED as fenced:
        print(f"fenced: {fenced}")
    else:
        raise AssertionError(f"{topic}: a fenced producer could commit")
    second.commit()
    second.close()
    check(client, topic, True, (b"second", 30))


def run(name, client):
    for part in (commit_and_abort, copy, fence):
        started, topic = time.monotonic(), f"{scenario.PREFIX}-{part.__name__}"
        client.create_topic(topic, PARTITIONS)
        part(client, topic)
        print(f"{name}: {part.__name__}: {time.monotonic() - started:.1f} s", flush=True)
    client.close()
