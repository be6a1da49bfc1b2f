"""confluent-kafka (librdkafka). E2E_LIBRARY names a folder with another version of it."""

import os
import sys

if os.environ.get("E2E_LIBRARY"):
    sys.path.insert(0, os.environ["E2E_LIBRARY"])

import confluent_kafka as ck
from confluent_kafka.admin import AdminClient, NewTopic

import scenario


class Client:
    def __init__(self):
        self.config = {"bootstrap.servers": scenario.BOOTSTRAP}
        self.admin = AdminClient(self.config)
        # The library demands a group id; with explicit offsets and no commits no group request is needed.
        self.consumer = ck.Consumer(
            self.config
            | {"group.id": "unused", "enable.auto.commit": False, "auto.offset.reset": "error", "check.crcs": True, "enable.partition.eof": True}
            # Other requests queue behind a waiting fetch on the same connection: let it wait but briefly.
            | {"fetch.wait.max.ms": 20}
        )

    def close(self):
        self.consumer.close()

    def create_topic(self, topic, partitions):
        self.admin.create_topics([NewTopic(topic, partitions, 1)], operation_timeout=20)[topic].result(30)

    def produce(self, topic, codec, records):
        acknowledged = {p: [] for p in range(scenario.r.PARTITIONS)}
        failures = []

        def delivered(error, message):
            if error is not None:
                failures.append(error)
            else:
                acknowledged[message.partition()].append(message.offset())

        producer = ck.Producer(self.config | {"enable.idempotence": True, "compression.type": codec, "linger.ms": 5})
        for p, key, value, headers, timestamp in records:
            while True:
                try:
                    producer.produce(topic, value, key, p, timestamp=timestamp, headers=headers, on_delivery=delivered)
                    break
                except BufferError:
                    producer.poll(0.1)
            producer.poll(0)
        scenario.equal("records still queued", producer.flush(60), 0)
        scenario.equal("failed deliveries", failures, [])
        return acknowledged

    def read(self, topic, partition, offset, count):
        self.consumer.assign([ck.TopicPartition(topic, partition, offset)])
        got = []
        while len(got) < count:
            messages = self.consumer.consume(min(count - len(got), 1000), 30)
            if not messages:
                raise AssertionError(f"{topic}-{partition}: nothing more after {len(got)} of {count} records")
            for m in messages:
                if m.error():
                    raise AssertionError(f"{topic}-{partition}: {m.error()} after {len(got)} of {count} records")
                got.append((m.offset(), m.key(), m.value(), m.headers() or [], m.timestamp()[1]))
        self.consumer.unassign()
        return got

    def bounds(self, topic, partition):
        return self.consumer.get_watermark_offsets(ck.TopicPartition(topic, partition), 20)

    def offset_at(self, topic, partition, timestamp):
        found = self.consumer.offsets_for_times([ck.TopicPartition(topic, partition, timestamp)], 20)[0]
        if found.error:
            raise AssertionError(found.error)
        return found.offset if found.offset >= 0 else None

    def delete_records(self, topic, partition, offset):
        if not hasattr(self.admin, "delete_records"):
            return NotImplemented
        wanted = ck.TopicPartition(topic, partition, offset)
        (result,) = self.admin.delete_records([wanted], operation_timeout=20).values()
        return result.result(30).low_watermark

    def delete_topic(self, topic):
        self.admin.delete_topics([topic], operation_timeout=20)[topic].result(30)

    def topics(self):
        return self.admin.list_topics(timeout=20).topics


scenario.run(f"confluent-kafka {ck.version() if isinstance(ck.version(), str) else ck.version()[0]}", Client())
