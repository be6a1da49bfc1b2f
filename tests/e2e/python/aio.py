"""aiokafka: asyncio, with a codec in Cython. Its coroutines run on one loop behind the plain calls of the scenario."""

import asyncio

import aiokafka
from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete

import scenario

loop = asyncio.new_event_loop()
do = loop.run_until_complete


async def started(make):
    client = make()
    await client.start()
    return client


class Client:
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


scenario.run(f"aiokafka {aiokafka.__version__}", Client())
