// One group per kind that a client can join: members come and go, all are restarted. These clients promise each record at least
// once: before anybody comes or goes, what was read is committed, and then it has to be exactly once.
import assert from 'node:assert/strict'
import * as r from './records.mjs'

const PARTITIONS = 6
const MORE = 60

class Group {
  constructor(client, kind) {
    Object.assign(this, { client, kind, id: `${r.PREFIX}-${kind}`, written: 0, seen: new Set() })
  }

  async write(count) {
    const from = this.written
    await this.client.send(this.id, Array.from({ length: count }, (_, i) => {
      const partition = (from + i) % PARTITIONS
      return { partition, value: `${partition}/${Math.floor((from + i) / PARTITIONS)}` }
    }))
    this.written += count
  }

  ends() { return Array.from({ length: PARTITIONS }, (_, p) => Math.floor((this.written - p + PARTITIONS - 1) / PARTITIONS)) }

  /** Waits until all written records are read, and commits them. */
  async settle(...members) {
    await this.until(`${this.written} records`, () => this.seen.size === this.written)
    for (const member of members) await member.commit()
  }

  async until(what, condition) {
    await r.until(() => `${this.id}: ${what}; ${this.seen.size} of ${this.written} records read`, condition)
  }
}

class Member {
  constructor(group, name) {
    Object.assign(this, { group, name, read: 0, next: new Map() })
  }

  async join() {
    this.consumer = await this.group.client.member(this.group.id, this.group.id, this.group.kind, m => this.take(m))
    return this
  }

  take({ partition, offset, value }) {
    assert.equal(value, `${partition}/${offset}`, `record of ${this.group.id}-${partition}`)
    assert(!this.group.seen.has(value), `${this.group.id}: ${this.name} read ${value} again`)
    this.group.seen.add(value)
    this.next.set(partition, offset + 1)
    this.read++
  }

  async commit() {
    if (this.next.size > 0) await this.consumer.commit([...this.next], `read by ${this.name}`)
    this.next.clear()
  }

  close() { return this.consumer.close() }
}

function share(partitions, ...members) {
  const owned = members.map(m => m.consumer.owned())
  return owned.every(o => o.length === partitions) && new Set(owned.flat()).size === partitions * members.length
}

async function comeAndGo(group) {
  const third = Math.floor(r.COUNT / 3)
  await group.client.create(group.id, PARTITIONS)
  await group.write(third)
  const a = await new Member(group, 'a').join()
  await group.settle(a)
  const [b, c] = await Promise.all([new Member(group, 'b').join(), new Member(group, 'c').join()])
  await group.until('two partitions each', () => share(2, a, b, c))
  await group.write(third)
  await group.settle(a, b, c)
  assert(b.read > 0 && c.read > 0, `${group.id}: members that joined have read ${b.read} and ${c.read}`)
  await b.close()
  await group.until('three partitions each', () => share(3, a, c))
  await group.write(r.COUNT - 2 * third)
  await group.settle(a, c)
  const [state, members] = await group.client.described(group.id, group.kind)
  assert.deepEqual([state, members ?? 2], ['Stable', 2])
  await Promise.all([a.close(), c.close()])
}

async function restart(group) {
  const [d, e] = await Promise.all([new Member(group, 'd').join(), new Member(group, 'e').join()])
  await group.until('three partitions each after the restart', () => share(3, d, e))
  await group.write(MORE)
  await group.settle(d, e)
  await Promise.all([d.close(), e.close()])
}

/** Committed offsets as an admin client sees and changes them, and the end of the group. */
async function administrate(group) {
  const { client, id } = group
  assert((await client.groups()).includes(id), `${id} is not listed`)
  const committed = (await client.committed(id, id)).toSorted((a, b) => a.partition - b.partition)
  assert.deepEqual(committed.map(({ offset }) => Number(offset)), group.ends())
  if (client.metadata) assert(committed.every(({ metadata }) => metadata.startsWith('read by ')))
  await client.alter(id, id, 0, group.ends()[0] - 5)
  group.seen.clear()
  const f = await new Member(group, 'f').join()
  await group.until('five records again', () => group.seen.size === 5)
  await f.commit()
  await f.close()
  await client.removeGroup(id)
  assert(!(await client.groups()).includes(id), `${id} is still listed`)
}

export async function run(name, client) {
  for (const kind of client.kinds) {
    const started = performance.now()
    const group = new Group(client, kind)
    await comeAndGo(group)
    await restart(group)
    await administrate(group)
    console.log(`${name}: group ${kind}: ${((performance.now() - started) / 1000).toFixed(1)} s`)
  }
}
