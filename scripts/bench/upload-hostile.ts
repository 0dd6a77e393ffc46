/**
 * Requests that are malformed or meant to harm, drawn by a seeded generator: by hand, and from the API's own
 * description. None may be answered 5xx, end the process, be kept waiting, or leave a descriptor open.
 */
import { readdirSync } from 'node:fs'
import { connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import type { Figures } from './figures.ts'
import { createRandom } from './random.ts'
import { madeByHand } from './upload-by-hand.ts'
import type { HostileRequest } from './upload-hostile-requests.ts'
import { madeFromOperations, readOperations } from './upload-operations.ts'
import type { BenchProcess } from './upload-process.ts'
import { KIB, uploadOf } from './upload-recording.ts'
import { benchKey, type UploadStack } from './upload-stack.ts'
import { openWire } from './upload-wire.ts'

const BY_HAND = 320
const FROM_OPERATIONS = 180
const AT_ONCE = 8
const WARM_UP_BY_HAND = 70
const PATIENCE_MS = 5_000
const SETTLE_MS = 15_000
/** An API that waits as patiently as it should would only make the benchmark long. */
const IMPATIENT = { UPLOAD_STALL_S: '2', HEADERS_TIMEOUT_S: '2', MAX_UPLOAD_BYTES: '4194304' }

export async function reportHostileRequests(stack: UploadStack, figures: Figures, seed: number): Promise<void> {
  const api = await stack.startApi(stack.sink, IMPATIENT)
  try {
    const random = createRandom(seed)
    const context = { key: benchKey(0), random }
    const operations = await readOperations(api.url, benchKey(0))
    const requests = [...madeByHand(BY_HAND, context), ...madeFromOperations(operations, FROM_OPERATIONS, context)]
    await warmUp(api.url)
    // One of each kind: what is opened once and kept, such as a subscription, is no leak.
    await sendAll(api, [
      ...madeByHand(WARM_UP_BY_HAND, context),
      ...madeFromOperations(operations, operations.length, context),
    ])
    const before = await descriptorsAtRest(api.pid, 0)
    const outcomes = await sendAll(api, requests)
    const after = await descriptorsAtRest(api.pid, before)
    report(figures, { api, outcomes, leaked: Math.max(0, after - before), seed })
  } finally {
    await api.stop()
  }
}

interface Outcome {
  readonly name: string
  /** Undefined when the connection was closed without an answer. */
  readonly status: number | undefined
  readonly hung: boolean
}

async function sendAll(api: BenchProcess, requests: readonly HostileRequest[]): Promise<Outcome[]> {
  const outcomes: Outcome[] = []
  const waiting = [...requests]
  const sender = async (): Promise<void> => {
    for (let request = waiting.shift(); request !== undefined && api.isAlive(); request = waiting.shift()) {
      outcomes.push(await sendOne(api.url, request))
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, sender))
  return outcomes
}

/** Ends with as many final answers as are due, or with the connection. */
function sendOne(url: string, { name, bytes, half, complete, answers = 1 }: HostileRequest): Promise<Outcome> {
  const { hostname, port } = new URL(url)
  const { promise, resolve } = Promise.withResolvers<Outcome>()
  const socket = connect({ port: Number(port), host: hostname, allowHalfOpen: true })
  let text = ''
  const statuses = () => [...text.matchAll(/HTTP\/1\.1 ([2-5]\d\d)/g)].map(([, status]) => Number(status))
  const finish = (hung: boolean): void => {
    clearTimeout(timer)
    const all = statuses()
    const lost = complete === true && all[0] === 408
    resolve({ name, status: all.find((status) => status >= 500) ?? all[0], hung: hung || lost })
    socket.destroy()
  }
  const timer = setTimeout(() => finish(true), PATIENCE_MS)
  socket.setEncoding('latin1')
  socket.on('data', (chunk) => {
    text += chunk
    if (statuses().length >= answers) finish(false)
  })
  socket.on('end', () => finish(false))
  socket.on('close', () => finish(false))
  socket.on('error', () => {})
  for (const chunk of bytes) socket.write(chunk)
  if (half) socket.end()
  return promise
}

/** Opens what the process keeps open: connections to its stores. */
async function warmUp(url: string): Promise<void> {
  const one = async (_: unknown, owner: number): Promise<void> => {
    const wire = openWire(url)
    await wire.send(uploadOf({ form: 'multipart', bytes: 300 * KIB, key: benchKey(owner) }))
    wire.close()
  }
  for (let round = 0; round < 3; round++) await Promise.all(Array.from({ length: 4 * AT_ONCE }, one))
}

/** Waits until there are no more than `atMost`, or the number stands still, and tells how many there are. */
async function descriptorsAtRest(pid: number, atMost: number): Promise<number> {
  const count = () => readdirSync(`/proc/${pid}/fd`).length
  const deadline = performance.now() + (atMost === 0 ? 1_000 : SETTLE_MS)
  while (count() > atMost && performance.now() < deadline) await delay(50)
  return count()
}

interface Results {
  readonly api: BenchProcess
  readonly outcomes: readonly Outcome[]
  readonly leaked: number
  readonly seed: number
}

function report(figures: Figures, { api, outcomes, leaked, seed }: Results): void {
  const failed = outcomes.filter(({ status = 0 }) => status >= 500)
  const hung = outcomes.filter((outcome) => outcome.hung)
  for (const { name, status } of failed) figures.say(`${name}: ${status}`)
  if (failed.length > 0) figures.say(api.output())
  for (const { name } of hung) figures.say(`${name}: neither answer nor end in time`)
  const statuses: Record<string, number> = {}
  for (const { status = 'closed' } of outcomes) statuses[status] = (statuses[status] ?? 0) + 1
  const most = (name: string, value: number, unit: string, more = {}) =>
    figures.add({ name: `hostile-${name}`, value, unit, target: 0, bound: 'most' }, more)
  most('5xx', failed.length, 'answers', { requests: outcomes.length, seed, statuses })
  most('hung', hung.length, 'requests')
  most('crashes', api.isAlive() ? 0 : 1, 'processes')
  most('leaked-descriptors', leaked, 'descriptors')
}
