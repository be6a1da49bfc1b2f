"""confluent-kafka (librdkafka). E2E_LIBRARY names a folder with another version of it."""

import os
import sys

if os.environ.get("E2E_LIBRARY"):
    sys.path.insert(0, os.environ["E2E_LIBRARY"])

import confluent_kafka as ck
from confluent_kafka.admin import AdminClient, NewTopic

import scenario


VERSION = ck.version() if isinstance(ck.version(), str) else ck.version()[0]
SINCE_2_2 = not VERSION.startswith("2.0.")


class Client:
    KINDS = ("range", "roundrobin", "cooperative-sticky") + (("consumer",) if SINCE_2_2 else ())
    FENCED = ck.KafkaException

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

    def write(self, topic, records):
        write(ck.Producer(self.config | {"linger.ms": 5, "enable.idempotence": True}), topic, records)

    def member(self, group, topic, kind, give_up):
        config = {"group.id": group}
        if kind == "consumer":
            config |= {"group.protocol": "consumer"}
        else:
            config |= {"heartbeat.interval.ms": 100, "isolation.level": "read_committed"}
            config |= {} if kind == "committed" else {"partition.assignment.strategy": kind}
        return Member(config, topic, give_up).subscribed()

    def reader(self, topic, partitions, committed):
        reader = Member({"group.id": "unused", "isolation.level": "read_committed" if committed else "read_uncommitted"}, topic, None)
        reader.consumer.assign([ck.TopicPartition(topic, p, 0) for p in partitions])
        return reader

    def transactional(self, transactional_id):
        return Transactional(transactional_id)

    def described(self, group):
        (description,) = self.admin.describe_consumer_groups([group]).values()
        found = description.result(30)
        return found.state.name.capitalize(), len(found.members)

    def groups(self):
        return {g.group_id for g in self.admin.list_consumer_groups().result(30).valid}

    def committed(self, group, topic, partitions):
        wanted = ck.ConsumerGroupTopicPartitions(group, [ck.TopicPartition(topic, p) for p in partitions])
        (result,) = self.admin.list_consumer_group_offsets([wanted]).values()
        # Before 2.2 the metadata does not get through.
        return {p.partition: (p.offset, p.metadata if SINCE_2_2 else "read by ?") for p in result.result(30).topic_partitions}

    def alter(self, group, topic, offsets):
        wanted = ck.ConsumerGroupTopicPartitions(group, [ck.TopicPartition(topic, p, o) for p, o in offsets.items()])
        (result,) = self.admin.alter_consumer_group_offsets([wanted]).values()
        scenario.equal("errors of altering offsets", [p.error for p in result.result(30).topic_partitions], [None] * len(offsets))

    def drop(self, *_):
        return NotImplemented

    def delete_group(self, group):
        self.admin.delete_consumer_groups([group])[group].result(30)


class Member:
    """A consumer of a group; also one with assigned partitions, for transactions."""

    def __init__(self, config, topic, give_up):
        self.topic, self.give_up = topic, give_up
        self.consumer = ck.Consumer({"bootstrap.servers": scenario.BOOTSTRAP, "enable.auto.commit": False, "auto.offset.reset": "earliest", "fetch.wait.max.ms": 20} | config)

    def subscribed(self):
        self.consumer.subscribe([self.topic], on_revoke=lambda _, partitions: self.commit(self.give_up([p.partition for p in partitions])))
        return self

    def poll(self):
        """One by one: each call can bring a rebalance, and what was read before it has to count by then."""
        for n in range(500):
            message = self.consumer.poll(0 if n else 0.02)
            if message is None:
                break
            if message.error():
                raise AssertionError(message.error())
            yield message.partition(), message.offset(), message.value()

    def owned(self):
        return {p.partition for p in self.consumer.assignment()}

    def commit(self, offsets):
        if offsets:
            self.consumer.commit(offsets=positions(self.topic, offsets), asynchronous=False)

    def close(self):
        self.consumer.close()


class Transactional:
    def __init__(self, transactional_id):
        self.producer = ck.Producer({"bootstrap.servers": scenario.BOOTSTRAP, "transactional.id": transactional_id, "linger.ms": 5})
        self.producer.init_transactions(30)
        self.begin, self.commit, self.abort = self.producer.begin_transaction, self.producer.commit_transaction, self.producer.abort_transaction

    def send(self, topic, records):
        write(self.producer, topic, records)

    def send_offsets(self, _, offsets, member):
        plain = {partition: (offset, "") for partition, offset in offsets.items()}
        self.producer.send_offsets_to_transaction(positions(member.topic, plain), member.consumer.consumer_group_metadata(), 30)

    def close(self):
        scenario.equal("records still queued", self.producer.flush(30), 0)


def write(producer, topic, records):
    for partition, value in records:
        producer.produce(topic, value, partition=partition)
        producer.poll(0)
    scenario.equal("records still queued", producer.flush(60), 0)


def positions(topic, offsets):
    """Offsets with metadata; librdkafka before 2.2 has none."""
    if SINCE_2_2:
        return [ck.TopicPartition(topic, partition, offset, metadata) for partition, (offset, metadata) in offsets.items()]
    return [ck.TopicPartition(topic, partition, offset) for partition, (offset, _) in offsets.items()]


scenario.main(f"confluent-kafka {VERSION}", Client)
