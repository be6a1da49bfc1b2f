// The records every e2e client writes and expects; the rules are explained in ../python/records.py.
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'

export const PARTITIONS = 3
export const { E2E_BOOTSTRAP: BOOTSTRAP, E2E_PREFIX: PREFIX, E2E_MODE: MODE = 'full', E2E_SHAPE: SHAPE = 'bdh' } = process.env
export const COUNT = Number(process.env.E2E_COUNT ?? 10000)
export const T0 = Number(process.env.E2E_T0)
export const CODECS = (process.env.E2E_CODECS ?? 'none,gzip,snappy,lz4,zstd').split(',')

// The packages live where tests/install put them, not beside this file.
export const load = createRequire(`${process.env.TOOLS}/node/`)

/** Records of a partition among the first n of all. */
export const countOf = (p, n = COUNT) => Math.floor((n - p + PARTITIONS - 1) / PARTITIONS)

export function at(p, i) {
  const key = i % 7 === 0 ? null : Buffer.from(i % 7 === 1 ? '' : `key-${p}-${i}`)
  let value
  if (i % 11 === 0) value = i % 7 === 0 && !SHAPE.includes('b') ? Buffer.alloc(0) : null
  else if (i % 11 === 1) value = Buffer.alloc(0)
  else value = Buffer.from(Array.from({ length: ((i * 37) % 200) + 1 }, (_, j) => (p * 7 + i + j * 31) % 256))
  return { key, value, headers: headers(p, i), timestamp: T0 + 3 * i + p }
}

function headers(p, i) {
  if (i % 3 === 0) return []
  if (i % 3 === 1) return [['trace', Buffer.from(`${p}/${i}`)]]
  const second = SHAPE.includes('d') ? 'dup' : 'dup2'
  const all = [['dup', Buffer.from(`a${i}`)], ['bin', Buffer.from([0, 255, i % 256])], [second, Buffer.from('b')], ['empty', Buffer.alloc(0)]]
  if (i % 2 === 1 && SHAPE.includes('h')) all.push(['null', null])
  return all
}

export function* all() {
  for (let n = 0; n < COUNT; n++) {
    const p = n % PARTITIONS
    yield { partition: p, ...at(p, Math.floor(n / PARTITIONS)) }
  }
}

/** Goes through the scenario that E2E_SCENARIO names: groups.mjs and transactions.mjs say what they need of the client. */
export async function run(name, client) {
  const { E2E_SCENARIO: scenario = 'records' } = process.env
  if (scenario === 'records') await records(name, client)
  else await (await import(`./${scenario}.mjs`)).run(name, client)
  await client.close()
}

/** Goes through the codecs with a client: an object with write, read, offsets, remove, each for one topic, and close. */
async function records(name, client) {
  for (const codec of CODECS) {
    const started = performance.now()
    const topic = `${PREFIX}-${codec}`
    if (MODE !== 'read') await client.write(topic, codec)
    if (MODE !== 'write') {
      await client.read(topic, codec)
      await client.offsets(topic)
    }
    if (MODE === 'full') await client.remove(topic)
    console.log(`${name}: ${MODE} ${codec}: ${COUNT} records, ${((performance.now() - started) / 1000).toFixed(1)} s`)
  }
}

export async function until(what, condition) {
  const end = performance.now() + 120_000
  while (!(await condition())) {
    assert(performance.now() < end, `timed out: ${typeof what === 'function' ? what() : what}`)
    // A condition that waits for nothing itself must let messages come in.
    await new Promise(setImmediate)
  }
}
