"""kafka-python: a codec of its own in pure Python."""

import queue
import threading

import kafka
from kafka.admin import KafkaAdminClient, NewTopic
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.coordinator.assignors.range import RangePartitionAssignor
from kafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from kafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from kafka.structs import OffsetAndMetadata, TopicPartition

import scenario


ASSIGNORS = {"range": RangePartitionAssignor, "roundrobin": RoundRobinPartitionAssignor, "sticky": StickyPartitionAssignor, "cooperative-sticky": CooperativeStickyAssignor}


class Client:
    KINDS = tuple(ASSIGNORS)
    FENCED = kafka.errors.KafkaError

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

    def write(self, topic, records):
        producer = kafka.KafkaProducer(bootstrap_servers=scenario.BOOTSTRAP, linger_ms=5)
        write(producer, topic, records)
        producer.close()

    def member(self, group, topic, kind, give_up):
        config = {"group_id": group, "heartbeat_interval_ms": 100, "isolation_level": "read_committed"}
        if kind in ASSIGNORS:
            config["partition_assignment_strategy"] = [ASSIGNORS[kind]]
        return Member(config, topic, give_up).subscribed()

    def reader(self, topic, partitions, committed):
        reader = Member({"group_id": None, "isolation_level": "read_committed" if committed else "read_uncommitted"}, topic, None)
        reader.consumer.assign([TopicPartition(topic, p) for p in partitions])
        reader.consumer.seek_to_beginning()
        return reader

    def transactional(self, transactional_id):
        return Transactional(transactional_id)

    def described(self, group):
        found = self.admin.describe_groups([group])[group]
        return found["group_state"], len(found["members"])

    def groups(self):
        return {g["group_id"] for g in self.admin.list_groups()}

    def committed(self, group, topic, partitions):
        found = self.admin.list_group_offsets({group: [TopicPartition(topic, p) for p in partitions]})[group]
        return {p.partition: (o.offset, o.metadata) for p, o in found.items()}

    def alter(self, group, topic, offsets):
        done = self.admin.alter_group_offsets(group, {TopicPartition(topic, p): OffsetAndMetadata(o, "", -1) for p, o in offsets.items()})
        scenario.equal("errors of altering offsets", set(done.values()), {kafka.errors.NoError})

    def drop(self, group, topic, partitions):
        done = self.admin.delete_group_offsets(group, [TopicPartition(topic, p) for p in partitions])
        scenario.equal("errors of deleting offsets", set(done.values()), {kafka.errors.NoError})

    def delete_group(self, group):
        scenario.equal(f"deleting {group}", self.admin.delete_groups([group]), {group: "OK"})


class Member(kafka.AsyncConsumerRebalanceListener):
    """A consumer of a group; also one with assigned partitions, for transactions."""

    def __init__(self, config, topic, give_up):
        self.topic, self.give_up, self.thread, self.pending = topic, give_up, None, False
        self.consumer = kafka.KafkaConsumer(
            bootstrap_servers=scenario.BOOTSTRAP, enable_auto_commit=False, auto_offset_reset="earliest", fetch_max_wait_ms=20, **config
        )

    def subscribed(self):
        """Polls in a thread of its own: one that is polled for a moment only can lose the answer to its JoinGroup, and stays without partitions."""
        self.consumer.subscribe([self.topic], listener=self)
        # A leader that learns of the partitions after it has assigned them, and before it has its own assignment, stays with none.
        self.consumer.partitions_for_topic(self.topic)
        self.ready, self.stopped = queue.Queue(), False
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()
        return self

    def run(self):
        while not self.stopped:
            records = self.consumer.poll(200)
            if records:
                self.ready.put(records)
                # What was read counts before there can be a rebalance.
                self.ready.join()

    async def on_partitions_revoked(self, revoked):
        offsets = self.give_up([p.partition for p in revoked])
        if offsets:
            await self.consumer.commit_async(self.positions(offsets))

    async def on_partitions_assigned(self, assigned):
        pass

    def positions(self, offsets):
        return {TopicPartition(self.topic, p): OffsetAndMetadata(o, metadata, -1) for p, (o, metadata) in offsets.items()}

    def poll(self):
        return [(m.partition, m.offset, m.value) for messages in self.records().values() for m in messages]

    def records(self):
        if self.thread is None:
            return self.consumer.poll(20)
        if not self.thread.is_alive():
            raise AssertionError("the thread of a member has ended")
        # The records of the call before are dealt with.
        if self.pending:
            self.pending = False
            self.ready.task_done()
        try:
            records = self.ready.get(timeout=0.02)
        except queue.Empty:
            return {}
        self.pending = True
        return records

    def owned(self):
        return {p.partition for p in self.consumer.assignment()}

    def commit(self, offsets):
        self.stop()
        if offsets:
            self.consumer.commit(self.positions(offsets))

    def stop(self):
        self.stopped = True
        if self.thread is not None:
            while self.thread.is_alive():
                scenario.equal("records that were not asked for", self.records(), {})
            self.thread = None

    def close(self):
        self.stop()
        self.consumer.close()


class Transactional:
    def __init__(self, transactional_id):
        self.producer = kafka.KafkaProducer(bootstrap_servers=scenario.BOOTSTRAP, transactional_id=transactional_id, linger_ms=5)
        self.producer.init_transactions()
        self.begin, self.commit, self.abort = self.producer.begin_transaction, self.producer.commit_transaction, self.producer.abort_transaction
        self.close = self.producer.close

    def send(self, topic, records):
        write(self.producer, topic, records)

    def send_offsets(self, _, offsets, member):
        wanted = {TopicPartition(member.topic, p): OffsetAndMetadata(o, "", -1) for p, o in offsets.items()}
        self.producer.send_offsets_to_transaction(wanted, member.consumer.group_metadata())


def write(producer, topic, records):
    sent = [producer.send(topic, value, partition=partition) for partition, value in records]
    producer.flush(60)
    for future in sent:
        future.get(30)


scenario.main(f"kafka-python {kafka.__version__}", Client)
