// Commit and abort, consume-transform-produce, fencing: for Node clients with a transactional producer.
import assert from 'node:assert/strict'
import * as r from './records.mjs'

const PARTITIONS = 3

const messages = (what, count) => Array.from({ length: count }, (_, n) => ({ partition: n % PARTITIONS, value: `${what}-${n}` }))
const values = parts => parts.flatMap(([what, count]) => messages(what, count).map(m => m.value)).toSorted()

/** Reads in a group of its own until as many records as wanted are there: one too many, and one that is wanted is not among them. */
async function check(client, topic, committed, ...parts) {
  const want = values(parts)
  const got = []
  const reader = await client.member(`${topic}-${client.unique++}`, topic, committed ? 'committed' : 'uncommitted', m => got.push(m.value))
  await r.until(() => `${topic}: ${want.length} records, got ${got.length}`, () => got.length >= want.length)
  await reader.close()
  assert.deepEqual(got.toSorted(), want, `records of ${topic}, ${committed ? 'committed' : 'all'}`)
}

async function commitAndAbort(client, topic) {
  const half = Math.floor(r.COUNT / 2)
  const quarter = Math.floor(r.COUNT / 4)
  const producer = await client.transactional(topic)
  await (await producer.begin(topic, messages('committed', half))).commit()
  await (await producer.begin(topic, messages('aborted', quarter))).abort()
  const open = await producer.begin(topic, messages('open', quarter))
  await check(client, topic, false, ['committed', half], ['aborted', quarter], ['open', quarter])
  await check(client, topic, true, ['committed', half])
  await open.commit()
  await producer.close()
  await check(client, topic, true, ['committed', half], ['open', quarter])
}

/** From one topic to another, the offsets within the transaction; the first try is aborted, its offsets too. */
async function copy(client, source) {
  const target = `${source}-to`
  const count = Math.floor(r.COUNT / 4)
  await client.create(target, PARTITIONS)
  await client.send(source, messages('in', count))
  for (const end of ['abort', 'commit']) {
    const read = []
    const reader = await client.member(source, source, 'committed', m => read.push(m))
    await r.until(`${count} records of ${source}`, () => read.length >= count)
    const producer = await client.transactional(target)
    const transaction = await producer.begin(target, read.map(({ partition, value }) => ({ partition, value })))
    await transaction.offsets(source, source, read, reader)
    await transaction[end]()
    await reader.close()
    await producer.close()
    const committed = await client.committed(source, source)
    assert.deepEqual(committed.map(c => Number(c.offset)).filter(o => o > 0).reduce((a, b) => a + b, 0), end === 'abort' ? 0 : count)
  }
  await check(client, target, true, ['in', count])
}

/** A second producer with the same transactional id ends the first one's transaction, and the first one. */
async function fence(client, topic) {
  const first = await client.transactional(topic)
  const old = await first.begin(topic, messages('first', 3))
  const second = await client.transactional(topic)
  const open = await second.begin(topic, messages('second', 30))
  await assert.rejects(old.commit(), error => console.log(`fenced: ${error.errors?.[0]?.message ?? error.message}`) ?? true)
  await open.commit()
  await second.close()
  await first.close()
  await check(client, topic, true, ['second', 30])
}

export async function run(name, client) {
  client.unique = 0
  for (const part of [commitAndAbort, copy, fence]) {
    const started = performance.now()
    const topic = `${r.PREFIX}-${part.name}`
    await client.create(topic, PARTITIONS)
    await part(client, topic)
    console.log(`${name}: ${part.name}: ${((performance.now() - started) / 1000).toFixed(1)} s`)
  }
}
