"""kafka-python: a codec of its own in pure Python."""

import kafka
from kafka.admin import KafkaAdminClient, NewTopic
from kafka.structs import TopicPartition

import scenario


class Client:
    def __init__(self):
        self.admin = KafkaAdminClient(bootstrap_servers=scenario.BOOTSTRAP)
        self.consumer = kafka.KafkaConsumer(
            bootstrap_servers=scenario.BOOTSTRAP, group_id=None, enable_auto_commit=False, auto_offset_reset="none", check_crcs=True
        )

    def close(self):
        self.consumer.close()
        self.admin.close()

    def create_topic(self, topic, partitions):
        self.admin.create_topics([NewTopic(topic, partitions, 1)], timeout_ms=20_000)

    def produce(self, topic, codec, records):
        acknowledged = {p: [] for p in range(scenario.r.PARTITIONS)}
        producer = kafka.KafkaProducer(
            bootstrap_servers=scenario.BOOTSTRAP, acks="all", enable_idempotence=True, linger_ms=5,
            compression_type=None if codec == "none" else codec,
        )
        sent = [(p, producer.send(topic, value, key, headers, p, timestamp)) for p, key, value, headers, timestamp in records]
        producer.flush(60)
        for p, future in sent:
            acknowledged[p].append(future.get(30).offset)
        producer.close()
        return acknowledged

    def read(self, topic, partition, offset, count):
        assigned = TopicPartition(topic, partition)
        self.consumer.assign([assigned])
        self.consumer.seek(assigned, offset)
        got = []
        while len(got) < count:
            records = self.consumer.poll(30_000, max_records=count - len(got)).get(assigned)
            if not records:
                raise AssertionError(f"{assigned}: nothing more after {len(got)} of {count} records")
            got += [(m.offset, m.key, m.value, m.headers, m.timestamp) for m in records]
        return got

    def bounds(self, topic, partition):
        p = TopicPartition(topic, partition)
        return self.consumer.beginning_offsets([p])[p], self.consumer.end_offsets([p])[p]

    def offset_at(self, topic, partition, timestamp):
        p = TopicPartition(topic, partition)
        found = self.consumer.offsets_for_times({p: timestamp})[p]
        return found.offset if found else None

    def delete_records(self, topic, partition, offset):
        return self.admin.delete_records({TopicPartition(topic, partition): offset}, timeout_ms=20_000)

    def delete_topic(self, topic):
        self.admin.delete_topics([topic], timeout_ms=20_000)

    def topics(self):
        return self.admin.list_topics()


scenario.run(f"kafka-python {kafka.__version__}", Client())
