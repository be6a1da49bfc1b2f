// kafkajs: idempotent and transactional producer, groups, admin. It reads only within groups: E2E_READER, another client, reads back what
// it wrote in the scenario of records.
import assert from 'node:assert/strict'
import { execSync } from 'node:child_process'
import zlib from 'node:zlib'
import * as r from './records.mjs'

const { Kafka, CompressionTypes, CompressionCodecs, logLevel } = r.load('kafkajs')
const lz4 = r.load('@platformatic/wasm-utils')
CompressionCodecs[CompressionTypes.Snappy] = r.load('kafkajs-snappy')
CompressionCodecs[CompressionTypes.LZ4] = () => ({
  compress: async encoder => Buffer.from(lz4.lz4Compress(encoder.buffer)),
  decompress: async buffer => Buffer.from(lz4.lz4Decompress(buffer))
})
CompressionCodecs[CompressionTypes.ZSTD] = () => ({
  compress: async encoder => zlib.zstdCompressSync(encoder.buffer),
  decompress: async buffer => zlib.zstdDecompressSync(buffer)
})
const codecs = { none: 'None', gzip: 'GZIP', snappy: 'Snappy', lz4: 'LZ4', zstd: 'ZSTD' }

const kafka = new Kafka({ clientId: 'e2e', brokers: [r.BOOTSTRAP], logLevel: process.env.E2E_SCENARIO ? logLevel.NOTHING : logLevel.ERROR })
const admin = kafka.admin()
await admin.connect()
const offsetsOf = async topic => Object.fromEntries((await admin.fetchTopicOffsets(topic)).map(o => [o.partition, o]))

await r.run('kafkajs', {
  async write(topic, codec) {
    assert(await admin.createTopics({ waitForLeaders: true, topics: [{ topic, numPartitions: r.PARTITIONS, replicationFactor: 1 }] }))
    const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 })
    await producer.connect()
    const messages = [...r.all()].map(m => ({ ...m, timestamp: String(m.timestamp), headers: Object.fromEntries(m.headers) }))
    for (let from = 0; from < messages.length; from += 1000) {
      const sent = await producer.send({ topic, acks: -1, compression: CompressionTypes[codecs[codec]], messages: messages.slice(from, from + 1000) })
      for (const { partition, errorCode, baseOffset } of sent) {
        assert.equal(errorCode, 0)
        assert.equal(Number(baseOffset), r.countOf(partition, from), `base offset of ${topic}-${partition}`)
      }
    }
    await producer.disconnect()
  },
  async read(topic, codec) {
    execSync(process.env.E2E_READER, { env: { ...process.env, E2E_MODE: 'read', E2E_CODECS: codec }, stdio: 'inherit' })
  },
  async offsets(topic) {
    const all = await offsetsOf(topic)
    const middle = await admin.fetchTopicOffsetsByTimestamp(topic, r.T0 + 3 * 1000)
    for (let p = 0; p < r.PARTITIONS; p++) {
      assert.equal(Number(all[p].low), 0)
      assert.equal(Number(all[p].high), r.countOf(p))
      assert.equal(Number(middle.find(o => o.partition === p).offset), Math.min(1000, r.countOf(p)))
    }
  },
  async remove(topic) {
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '100' }] })
    assert.equal(Number((await offsetsOf(topic))[0].low), 100)
    await admin.deleteTopics({ topics: [topic] })
    await r.until(`${topic} is gone`, async () => !(await admin.listTopics()).includes(topic))
  },
  close: () => admin.disconnect(),

  kinds: ['roundrobin'],
  metadata: true,
  create: (topic, numPartitions) => admin.createTopics({ waitForLeaders: true, topics: [{ topic, numPartitions, replicationFactor: 1 }] }),
  async send(topic, messages) {
    const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 })
    await producer.connect()
    await producer.send({ topic, acks: -1, messages })
    await producer.disconnect()
  },
  async member(groupId, topic, kind, take) {
    const consumer = kafka.consumer({ groupId, heartbeatInterval: 100, maxWaitTimeInMs: 20, readUncommitted: kind === 'uncommitted' })
    let owned = []
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => { owned = payload.memberAssignment[topic] ?? [] })
    consumer.on(consumer.events.CRASH, ({ payload }) => { throw payload.error })
    await consumer.connect()
    await consumer.subscribe({ topics: [topic], fromBeginning: true })
    await consumer.run({
      autoCommit: false,
      eachMessage: async ({ partition, message }) => take({ partition, offset: Number(message.offset), value: message.value.toString() })
    })
    return {
      owned: () => owned,
      commit: (offsets, metadata) => consumer.commitOffsets(offsets.map(([partition, offset]) => ({ topic, partition, offset: String(offset), metadata }))),
      close: () => consumer.disconnect()
    }
  },
  groups: async () => (await admin.listGroups()).groups.map(g => g.groupId),
  async described(groupId) {
    const [{ state, members }] = (await admin.describeGroups([groupId])).groups
    return [state, members.length]
  },
  committed: async (groupId, topic) => (await admin.fetchOffsets({ groupId, topics: [topic] }))[0].partitions,
  alter: (groupId, topic, partition, offset) => admin.setOffsets({ groupId, topic, partitions: [{ partition, offset: String(offset) }] }),
  removeGroup: groupId => admin.deleteGroups([groupId]),

  async transactional(transactionalId) {
    const producer = kafka.producer({ transactionalId, idempotent: true, maxInFlightRequests: 1, retry: { retries: 5 } })
    await producer.connect()
    return {
      async begin(topic, messages) {
        const transaction = await producer.transaction()
        await transaction.send({ topic, acks: -1, messages })
        return {
          offsets: (consumerGroupId, source, read) => transaction.sendOffsets({ consumerGroupId, topics: [{ topic: source, partitions: lastOf(read) }] }),
          commit: () => transaction.commit(),
          abort: () => transaction.abort()
        }
      },
      close: () => producer.disconnect()
    }
  }
})

function lastOf(read) {
  const next = new Map(read.map(({ partition, offset }) => [partition, offset + 1]))
  return [...next].map(([partition, offset]) => ({ partition, offset: String(offset) }))
}
