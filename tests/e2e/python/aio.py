"""aiokafka: asyncio, with a codec in Cython. Its coroutines run on one loop behind the plain calls of the scenario."""

import asyncio

import aiokafka
from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor

import scenario

loop = asyncio.new_event_loop()
do = loop.run_until_complete


async def started(make):
    client = make()
    await client.start()
    return client


ASSIGNORS = {"range": RangePartitionAssignor, "roundrobin": RoundRobinPartitionAssignor, "sticky": StickyPartitionAssignor}


class Client:
    KINDS = tuple(ASSIGNORS)
    FENCED = aiokafka.errors.KafkaError

    def __init__(self):
        self.admin = do(started(lambda: AIOKafkaAdminClient(bootstrap_servers=scenario.BOOTSTRAP)))
        self.consumer = do(
            started(
                lambda: aiokafka.AIOKafkaConsumer(
                    bootstrap_servers=scenario.BOOTSTRAP, group_id=None, enable_auto_commit=False, auto_offset_reset="none", check_crcs=True
                )
            )
        )

    def close(self):
        do(self.consumer.stop())
        do(self.admin.close())

    def create_topic(self, topic, partitions):
        response = do(self.admin.create_topics([NewTopic(topic, partitions, 1)], timeout_ms=20_000))
        scenario.equal(f"errors of creating {topic}", [e[1] for e in response.topic_errors], [0])

    def produce(self, topic, codec, records):
        return do(self._produce(topic, codec, records))

    async def _produce(self, topic, codec, records):
        acknowledged = {p: [] for p in range(scenario.r.PARTITIONS)}
        producer = aiokafka.AIOKafkaProducer(
            bootstrap_servers=scenario.BOOTSTRAP, acks="all", enable_idempotence=True, linger_ms=5,
            compression_type=None if codec == "none" else codec,
        )
        await producer.start()
        sent = []
        for p, key, value, headers, timestamp in records:
            sent.append((p, await producer.send(topic, value, key, p, timestamp, headers)))
        for p, future in sent:
            acknowledged[p].append((await asyncio.wait_for(future, 60)).offset)
        await producer.stop()
        return acknowledged

    def read(self, topic, partition, offset, count):
        return do(self._read(aiokafka.TopicPartition(topic, partition), offset, count))

    async def _read(self, assigned, offset, count):
        self.consumer.assign([assigned])
        self.consumer.seek(assigned, offset)
        got = []
        while len(got) < count:
            records = (await self.consumer.getmany(assigned, timeout_ms=30_000, max_records=count - len(got))).get(assigned)
            if not records:
                raise AssertionError(f"{assigned}: nothing more after {len(got)} of {count} records")
            got += [(m.offset, m.key, m.value, list(m.headers), m.timestamp) for m in records]
        return got

    def bounds(self, topic, partition):
        p = aiokafka.TopicPartition(topic, partition)
        return do(self.consumer.beginning_offsets([p]))[p], do(self.consumer.end_offsets([p]))[p]

    def offset_at(self, topic, partition, timestamp):
        p = aiokafka.TopicPartition(topic, partition)
        found = do(self.consumer.offsets_for_times({p: timestamp}))[p]
        return found.offset if found else None

    def delete_records(self, topic, partition, offset):
        return do(self.admin.delete_records({aiokafka.TopicPartition(topic, partition): RecordsToDelete(offset)}, 20_000))

    def delete_topic(self, topic):
        do(self.admin.delete_topics([topic], timeout_ms=20_000))

    def topics(self):
        return do(self.admin.list_topics())

    def write(self, topic, records):
        producer = do(started(lambda: aiokafka.AIOKafkaProducer(bootstrap_servers=scenario.BOOTSTRAP, linger_ms=5)))
        do(write(producer, topic, records))
        do(producer.stop())

    def member(self, group, topic, kind, give_up):
        # On a busy machine a member may be silent for longer than its default of 10 s.
        config = {"group_id": group, "heartbeat_interval_ms": 100, "session_timeout_ms": 45_000, "isolation_level": "read_committed"}
        if kind in ASSIGNORS:
            config["partition_assignment_strategy"] = [ASSIGNORS[kind]]
        return Member(topic, give_up, **config).subscribed()

    def reader(self, topic, partitions, committed):
        reader = Member(topic, None, group_id=None, isolation_level="read_committed" if committed else "read_uncommitted")
        do(reader.assigned(partitions))
        return reader

    def transactional(self, transactional_id):
        return Transactional(transactional_id)

    def described(self, group):
        (response,) = do(self.admin.describe_consumer_groups([group]))
        found = response.groups[0]
        return found[2], len(found[5])

    def groups(self):
        return {g[0] for g in do(self.admin.list_consumer_groups())}

    def committed(self, group, topic, partitions):
        wanted = [aiokafka.TopicPartition(topic, p) for p in partitions]
        found = do(self.admin.list_consumer_group_offsets(group, partitions=wanted))
        return {p.partition: tuple(position) for p, position in found.items()}

    def alter(self, *_):
        return NotImplemented

    drop = delete_group = alter


class Member(aiokafka.ConsumerRebalanceListener):
    """A consumer of a group; also one with assigned partitions, for transactions."""

    def __init__(self, topic, give_up, **config):
        self.topic, self.give_up = topic, give_up
        self.consumer = do(
            started(
                lambda: aiokafka.AIOKafkaConsumer(
                    bootstrap_servers=scenario.BOOTSTRAP, enable_auto_commit=False, auto_offset_reset="earliest", fetch_max_wait_ms=20, **config
                )
            )
        )

    def subscribed(self):
        self.consumer.subscribe([self.topic], listener=self)
        return self

    async def assigned(self, partitions):
        self.consumer.assign([aiokafka.TopicPartition(self.topic, p) for p in partitions])

    async def on_partitions_revoked(self, revoked):
        await self._commit(self.give_up([p.partition for p in revoked]))

    async def on_partitions_assigned(self, assigned):
        pass

    def poll(self):
        return [(m.partition, m.offset, m.value) for messages in do(self.consumer.getmany(timeout_ms=20)).values() for m in messages]

    def owned(self):
        return {p.partition for p in self.consumer.assignment()}

    def commit(self, offsets):
        do(self._commit(offsets))

    async def _commit(self, offsets):
        if offsets:
            await self.consumer.commit({aiokafka.TopicPartition(self.topic, p): position for p, position in offsets.items()})

    def close(self):
        do(self.consumer.stop())


class Transactional:
    def __init__(self, transactional_id):
        self.producer = do(
            started(lambda: aiokafka.AIOKafkaProducer(bootstrap_servers=scenario.BOOTSTRAP, transactional_id=transactional_id, linger_ms=5))
        )

    def begin(self):
        do(self.producer.begin_transaction())

    def commit(self):
        do(self.producer.commit_transaction())

    def abort(self):
        do(self.producer.abort_transaction())

    def close(self):
        do(self.producer.stop())

    def send(self, topic, records):
        do(write(self.producer, topic, records))

    def send_offsets(self, group, offsets, member):
        do(self.producer.send_offsets_to_transaction({aiokafka.TopicPartition(member.topic, p): o for p, o in offsets.items()}, group))


async def write(producer, topic, records):
    for future in [await producer.send(topic, value, partition=partition) for partition, value in records]:
        await asyncio.wait_for(future, 60)


scenario.main(f"aiokafka {aiokafka.__version__}", Client)
