// @confluentinc/kafka-javascript: librdkafka under Node. In no usual run, for it compiles librdkafka when it is installed.
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { promisify } from 'node:util'
import * as r from './records.mjs'

const kafka = createRequire(`${process.env.TOOLS}/node-heavy/`)('@confluentinc/kafka-javascript')
const common = { 'bootstrap.servers': r.BOOTSTRAP }
const admin = kafka.AdminClient.create(common)
const call = (object, method, ...args) => promisify(object[method]).call(object, ...args)

const consumer = new kafka.KafkaConsumer({
  ...common, 'group.id': 'unused', 'enable.auto.commit': false, 'check.crcs': true, 'fetch.wait.max.ms': 20
}, { 'auto.offset.reset': 'error' })
await call(consumer, 'connect', {})

async function read(topic, partition, offset, count) {
  consumer.assign([{ topic, partition, offset }])
  for (let next = offset; next < offset + count;) {
    for (const got of await call(consumer, 'consume', Math.min(1000, offset + count - next))) {
      const headers = (got.headers ?? []).map(header => Object.entries(header)[0]).map(([k, v]) => [k, v])
      assert.deepEqual({ offset: got.offset, key: got.key, value: got.value, headers, timestamp: got.timestamp }, { offset: next, ...r.at(partition, next++) })
    }
  }
  consumer.unassign()
}

async function write(topic, codec) {
  const producer = new kafka.Producer({ ...common, 'enable.idempotence': true, 'compression.type': codec, dr_cb: true, 'linger.ms': 5 })
  await call(producer, 'connect', {})
  // Reports come from two threads, poll and flush: in any order.
  const acknowledged = Array.from({ length: r.PARTITIONS }, () => new Set())
  producer.on('delivery-report', (error, report) => {
    assert.ifError(error)
    acknowledged[report.partition].add(report.offset)
  })
  producer.setPollInterval(10)
  for (const { partition, key, value, headers, timestamp } of r.all()) {
    producer.produce(topic, partition, value, key, timestamp, null, headers.map(([k, v]) => ({ [k]: v })))
  }
  await call(producer, 'flush', 60_000)
  await r.until('all delivery reports', async () => {
    await new Promise(setImmediate)
    return acknowledged.every((offsets, p) => offsets.size === r.countOf(p) && Math.max(...offsets) === r.countOf(p) - 1)
  })
  await call(producer, 'disconnect')
}

await r.run('@confluentinc/kafka-javascript', {
  async write(topic, codec) {
    await call(admin, 'createTopic', { topic, num_partitions: r.PARTITIONS, replication_factor: 1 }, 20_000)
    await write(topic, codec)
  },
  async read(topic) {
    for (let p = 0; p < r.PARTITIONS; p++) await read(topic, p, 0, r.countOf(p))
  },
  async offsets(topic) {
    for (let p = 0; p < r.PARTITIONS; p++) {
      const { lowOffset, highOffset } = await call(consumer, 'queryWatermarkOffsets', topic, p, 20_000)
      assert.deepEqual([lowOffset, highOffset], [0, r.countOf(p)])
      const [found] = await call(consumer, 'offsetsForTimes', [{ topic, partition: p, offset: r.T0 + 3 * 1000 }], 20_000)
      assert.equal(found.offset, 1000)
    }
  },
  async remove(topic) {
    await call(admin, 'deleteRecords', [{ topic, partition: 0, offset: 100 }], { operation_timeout: 20_000 })
    assert.equal((await call(consumer, 'queryWatermarkOffsets', topic, 0, 20_000)).lowOffset, 100)
    await read(topic, 0, 100, 1)
    await call(admin, 'deleteTopic', topic, 20_000)
    await r.until(`${topic} is gone`, async () => !(await call(admin, 'listTopics', {})).includes(topic))
  },
  async close() {
    admin.disconnect()
    await call(consumer, 'disconnect')
  }
})
