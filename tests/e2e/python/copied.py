"""Reads two topics with confluent-kafka, committed records only, while the second is made a copy of the first: equal records, in equal order."""

import os
import sys

import confluent_kafka as ck

source, target = sys.argv[1:]
count = int(os.environ["E2E_COPIES"])
reader = ck.Consumer(
    {"bootstrap.servers": os.environ["E2E_BOOTSTRAP"], "group.id": "unused", "isolation.level": "read_committed", "enable.auto.commit": False, "auto.offset.reset": "error"}
)
reader.assign([ck.TopicPartition(topic, p, 0) for topic in (source, target) for p in (0, 1)])
got = {(topic, p): [] for topic in (source, target) for p in (0, 1)}
idle, told = 0, 0
while sum(map(len, got.values())) < 2 * count:
    messages = reader.consume(1000, 1)
    idle = 0 if messages else idle + 1
    if idle > 90:
        sys.exit(f"nothing more: {({k: len(v) for k, v in got.items()})}")
    for m in messages:
        # What a client says while the broker is away.
        if not m.error():
            got[m.topic(), m.partition()].append(m.value())
        elif not m.error().retriable() and m.error().code() not in (ck.KafkaError._ALL_BROKERS_DOWN, ck.KafkaError._TRANSPORT):
            sys.exit(f"{m.error()}")
    seen = sum(len(got[target, p]) for p in (0, 1))
    if seen > told:
        told = seen
        print(f"seen {seen}", flush=True)
for p in (0, 1):
    copies, records = got[target, p], got[source, p]
    if copies != records:
        first = next((i for i, (a, b) in enumerate(zip(copies, records)) if a != b), min(len(copies), len(records)))
        sys.exit(f"partition {p}: {len(copies)} copies ({len(set(copies))} different) of {len(records)} records; different from index {first} on: {copies[first:first + 3]}, {records[first:first + 3]}")
print(f"{count} records copied")
