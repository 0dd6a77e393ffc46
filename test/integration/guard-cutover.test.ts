import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, describe, test } from 'node:test'
import { sql } from 'kysely'
import { createRandom } from '../../scripts/bench/random.ts'
import { createGuardNotifier } from '../../src/callbacks/guard-notifier.ts'
import { isIn } from '../../src/domain/cutover.ts'
import { guardCutover } from '../../src/services/guard-cutover.ts'
import type { Database } from '../../src/storage/database.ts'
import { createSweepStore } from '../../src/storage/sweep-store.ts'
import { flagChange } from '../contracts/cutover-store.ts'
import { addRoutedJob } from '../contracts/route-comparison-suite.ts'
import { createFakePorts } from '../support/fake-ports.ts'
import { createTestDatabase, skipWithoutPostgres } from '../support/postgres.ts'
import { openRouteComparison } from '../support/route-comparison.ts'
import { openMigrated } from '../support/storage.ts'

const WINDOW_S = 600
const GUARD = { steps: [1, 10, 50, 80, 100], holdS: WINDOW_S, minOwners: 60, halted: false }
const OWNERS = 240
const databases = await Promise.all(
  Array.from({ length: skipWithoutPostgres === false ? 3 : 0 }, async () => openMigrated(await createTestDatabase())),
)
after(() => Promise.all(databases.map((db) => db.destroy())))

/** A cutover at 50 % on a database, and whoever is told of what the guard does. */
async function prepare(db: Database) {
  const { comparison, jobs, cutover, age, ageVersion } = openRouteComparison(db)
  const told: Record<string, unknown>[] = []
  let status = 204
  const server = createServer(async (request, response) => {
    const body = await request.reduce((text: string, chunk: Buffer) => text + chunk, '')
    if (status < 300) told.push(JSON.parse(body))
    response.writeHead(status).end()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const notifier = createGuardNotifier(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
  after(async () => {
    await notifier.close()
    server.close()
  })
  const ports = { ...createFakePorts(), comparison, cutover, guardNotifier: notifier, sweeps: createSweepStore(db) }
  await cutover.change(flagChange({ percent: 50, guard: GUARD }), 0)
  return {
    ...{ ports, told, jobs, age, ageVersion, cutover },
    answer: (next: number) => {
      status = next
    },
    look: () => guardCutover(ports, { intervalS: 0 }),
    /** As if the pause between two passes were over. */
    pass: async () => void (await sql`update sweeps set due_at = now()`.execute(db)),
  }
}

type Prepared = Awaited<ReturnType<typeof prepare>>

/** Jobs of a window that ends now: of every owner a few, dealt by the flag as it is; `isFailing` says which of them fail. */
async function play(
  { jobs, age, ageVersion, cutover }: Prepared,
  random: () => number,
  rates: { readonly queue: number; readonly direct: number },
): Promise<void> {
  const { version, percent } = (await cutover.current())!
  await ageVersion(version, WINDOW_S - 1)
  const work = Array.from({ length: OWNERS }, (_, i) => `owner-${i}`).flatMap((owner, i) => {
    const route = isIn(owner, percent) ? ('queue' as const) : ('direct' as const)
    // A few owners are a hundred times as busy as most.
    const count = i % 80 === 0 ? 40 : 1
    const fails = random() < rates[route]
    return Array.from({ length: count }, () => ({ owner, route, fails }))
  })
  const lanes = Array.from({ length: 8 }, (_, lane) => work.filter((_, i) => i % 8 === lane))
  await Promise.all(
    lanes.map(async (lane) => {
      for (const { owner, route, fails } of lane) {
        const agoS = 1 + random() * (WINDOW_S - 20)
        const fate = fails ? ('failed' as const) : ('completed' as const)
        await addRoutedJob({ jobs, age }, { owner, route, version, fate, agoS, tookS: 5 })
      }
    }),
  )
}

describe('the guard on PostgreSQL', { skip: skipWithoutPostgres }, () => {
  const seeded = () => createRandom(20_261).next

  test('a queue route that fails 20 % of the owners is back within one window, and somebody is told', async () => {
    const prepared = await prepare(databases[0]!)
    await play(prepared, seeded(), { queue: 0.2, direct: 0.02 })
    await Promise.all([prepared.look(), prepared.look(), prepared.look()])
    const { percent, version, reason, guard, notifiedAt } = (await prepared.cutover.current())!
    assert.deepEqual([percent, version, guard?.halted], [10, 2, true], reason)
    assert.notEqual(notifiedAt, null)
    assert.deepEqual(
      prepared.told.map(({ action, percent: to, previous_percent: from }) => [action, from, to]),
      [['back', 50, 10]],
    )
  })

  test('both routes failing alike goes on to the next step instead', async () => {
    const prepared = await prepare(databases[1]!)
    await play(prepared, seeded(), { queue: 0.2, direct: 0.2 })
    await prepared.ageVersion(1, 5)
    await prepared.look()
    const { percent, guard } = (await prepared.cutover.current())!
    assert.deepEqual([percent, guard?.halted], [80, false])
  })

  test('whoever cannot be told at first is told when he answers again; at 100 % the last window with both counts', async () => {
    const prepared = await prepare(databases[2]!)
    const random = seeded()
    await prepared.cutover.change(flagChange({ percent: 80, guard: { ...GUARD, minOwners: 30 } }), 1)
    await play(prepared, random, { queue: 0.02, direct: 0.02 })
    await prepared.ageVersion(2, 5)
    prepared.answer(500)
    await prepared.look()
    const { percent, baseline } = (await prepared.cutover.current())!
    assert.equal(percent, 100)
    assert.ok(baseline!.queue.owners > 150 && baseline!.direct.owners > 30, JSON.stringify(baseline))
    await play(prepared, random, { queue: 0.25, direct: 0 })
    await prepared.pass()
    await prepared.look()
    assert.equal((await prepared.cutover.current())?.percent, 80)
    assert.deepEqual(prepared.told, [])
    prepared.answer(200)
    await prepared.pass()
    await prepared.look()
    assert.deepEqual(
      prepared.told.map(({ action, version }) => [action, version]),
      [
        ['forward', 3],
        ['back', 4],
      ],
    )
    await prepared.pass()
    await prepared.look()
    assert.equal(prepared.told.length, 2)
  })
})
