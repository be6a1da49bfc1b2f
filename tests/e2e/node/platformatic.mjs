// @platformatic/kafka: idempotent and transactional producer, groups, admin, and plain fetches without a group.
import assert from 'node:assert/strict'
import * as r from './records.mjs'

const { Admin, Consumer, Producer } = r.load('@platformatic/kafka')
const options = { clientId: 'e2e', bootstrapBrokers: [r.BOOTSTRAP] }
const admin = new Admin(options)
// A group id is demanded, the group is never joined.
const consumer = new Consumer({ ...options, groupId: 'unused', maxWaitTime: 500 })

const types = ['classic', 'consumer']
// Its own default for a producer without an id yet is 0, which is fenced once the transactional id is known with another one.
const fresh = { producerId: -1n, producerEpoch: -1 }

async function fetch(topic, partition, fetchOffset) {
  const { topics, brokers } = await consumer.metadata({ topics: [topic] })
  const { id, partitions } = topics.get(topic)
  const node = partitions[partition].leader
  assert(brokers.has(node))
  const { responses } = await consumer.fetch({
    node, topics: [{ topicId: id, partitions: [{ partition, fetchOffset: BigInt(fetchOffset), currentLeaderEpoch: -1, lastFetchedEpoch: -1, partitionMaxBytes: 1 << 20 }] }]
  })
  return (responses[0]?.partitions[0]?.records ?? []).flatMap(batch => batch.records.map(record => ({
    offset: Number(batch.firstOffset) + record.offsetDelta,
    key: record.key, value: record.value,
    headers: record.headers.map(([k, v]) => [k.toString(), v]),
    timestamp: Number(batch.firstTimestamp + record.timestampDelta)
  }))).filter(record => record.offset >= fetchOffset)
}

async function earliest(topic, partition) {
  return Number((await consumer.listOffsets({ topics: [topic], timestamp: -2n })).get(topic)[partition])
}

await r.run('@platformatic/kafka', {
  async write(topic, codec) {
    await admin.createTopics({ topics: [topic], partitions: r.PARTITIONS, replicas: 1 })
    const producer = new Producer({ ...options, idempotent: true, acks: -1, compression: codec, maxInflights: 1 })
    const messages = [...r.all()].map(m => ({ ...m, topic, timestamp: BigInt(m.timestamp), headers: new Map(m.headers.map(([k, v]) => [Buffer.from(k), v])) }))
    for (let from = 0; from < messages.length; from += 1000) {
      const { offsets } = await producer.send({ messages: messages.slice(from, from + 1000) })
      for (const { partition, offset } of offsets) assert.equal(Number(offset), r.countOf(partition, from), `base offset of ${topic}-${partition}`)
    }
    await producer.close()
  },
  async read(topic) {
    for (let p = 0; p < r.PARTITIONS; p++) {
      const end = performance.now() + 120_000
      for (let next = 0; next < r.countOf(p);) {
        assert(performance.now() < end, `${topic}-${p}: nothing more at ${next}`)
        for (const got of await fetch(topic, p, next)) assert.deepEqual(got, { offset: next, ...r.at(p, next++) })
      }
    }
  },
  async offsets(topic) {
    const [first, last, middle] = await Promise.all([-2n, -1n, BigInt(r.T0 + 3 * 1000)].map(timestamp => consumer.listOffsets({ topics: [topic], timestamp })))
    for (let p = 0; p < r.PARTITIONS; p++) {
      assert.equal(Number(first.get(topic)[p]), 0)
      assert.equal(Number(last.get(topic)[p]), r.countOf(p))
      assert.equal(Number(middle.get(topic)[p]), 1000)
    }
  },
  async remove(topic) {
    await admin.deleteRecords({ topics: [{ name: topic, partitions: [{ partition: 0, offset: 100n }] }] })
    assert.equal(await earliest(topic, 0), 100)
    await admin.deleteTopics({ topics: [topic] })
    await r.until(`${topic} is gone`, async () => !(await admin.listTopics()).includes(topic))
  },
  async close() {
    await consumer.close(true)
    await admin.close()
  },

  kinds: ['classic', 'consumer'],
  metadata: false,
  create: (topic, partitions) => admin.createTopics({ topics: [topic], partitions, replicas: 1 }),
  async send(topic, messages) {
    const producer = new Producer({ ...options, idempotent: true, acks: -1, maxInflights: 1 })
    await producer.send({ messages: messages.map(m => ({ ...m, topic, value: Buffer.from(m.value) })) })
    await producer.close()
  },
  async member(groupId, topic, kind, take) {
    const protocol = kind === 'consumer' ? { groupProtocol: 'consumer' } : { heartbeatInterval: 100 }
    const member = new Consumer({ ...options, ...protocol, groupId, maxWaitTime: 20, isolationLevel: kind === 'uncommitted' ? 0 : 1 })
    const stream = await member.consume({ topics: [topic], mode: 'committed', fallbackMode: 'earliest', autocommit: false })
    const owned = () => member.assignments?.find(a => a.topic === topic)?.partitions ?? []
    stream.on('data', message => {
      // The answer to a fetch of before a rebalance is delivered, whoever owns the partition now.
      if (owned().includes(message.partition)) take({ partition: message.partition, offset: Number(message.offset), value: message.value.toString(), message })
    })
    return {
      member,
      owned,
      commit: offsets => member.commit({ offsets: offsets.map(([partition, offset]) => ({ topic, partition, offset: BigInt(offset), leaderEpoch: -1 })) }),
      close: () => member.close(true)
    }
  },
  groups: async () => [...(await admin.listGroups({ types })).keys()],
  /** DescribeGroups knows no consumer groups: of those the list tells the state. */
  async described(group, kind) {
    const { state } = (await admin.listGroups({ types })).get(group)
    const members = kind === 'classic' ? (await admin.describeGroups({ groups: [group] })).get(group).members.size : undefined
    return [state[0] + state.slice(1).toLowerCase(), members]
  },
  async committed(group, topic) {
    const [{ topics }] = await admin.listConsumerGroupOffsets({ groups: [group] })
    return (topics.find(t => t.name === topic)?.partitions ?? []).map(p => ({ partition: p.partitionIndex, offset: p.committedOffset }))
  },
  alter: (groupId, name, partition, offset) => admin.alterConsumerGroupOffsets({ groupId, topics: [{ name, partitionOffsets: [{ partition, offset: BigInt(offset) }] }] }),
  removeGroup: group => admin.deleteGroups({ groups: [group] }),

  async transactional(transactionalId) {
    const producer = new Producer({ ...options, transactionalId, idempotent: true, acks: -1, maxInflights: 1, retries: 5 })
    return {
      async begin(topic, messages) {
        const transaction = await producer.beginTransaction(fresh)
        await transaction.send({ messages: messages.map(m => ({ ...m, topic, value: Buffer.from(m.value) })) })
        return {
          async offsets(group, source, read, { member }) {
            await transaction.addConsumer(member)
            for (const { message } of new Map(read.map(m => [m.partition, m])).values()) await transaction.addOffset(message)
          },
          commit: () => transaction.commit(),
          abort: () => transaction.abort()
        }
      },
      close: () => producer.close()
    }
  }
})
