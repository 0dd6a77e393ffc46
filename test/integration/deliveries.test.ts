import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { deliverCallbacks } from '../../src/services/deliver-callbacks.ts'
import { openDatabase } from '../../src/storage/database.ts'
import { createDeliveryStore } from '../../src/storage/delivery-store.ts'
import { createJobStore } from '../../src/storage/job-store.ts'
import { createArrivals } from '../contracts/arrivals.ts'
import { describeDeliveryStore } from '../contracts/delivery-store.ts'
import { changeTo, newJob } from '../contracts/job-store-suite.ts'
import { describeOwnerSecretStore } from '../contracts/owner-secret-store.ts'
import { openDeliveryStore, openOwnerSecretStore } from '../support/deliveries.ts'
import { openEmbedded } from '../support/embedded.ts'
import { createFakePorts } from '../support/fake-ports.ts'
import { createTestDatabase, skipWithoutPostgres } from '../support/postgres.ts'
import { openMigrated } from '../support/storage.ts'

const embedded = await openEmbedded()
const skip = { skip: skipWithoutPostgres }
const place = skipWithoutPostgres === false ? await createTestDatabase() : undefined
const postgres = place === undefined ? embedded : await openMigrated(place)
if (postgres !== embedded) after(() => postgres.destroy())

describeDeliveryStore('deliveries in PGlite', async () => openDeliveryStore(embedded))
describeOwnerSecretStore('callback secrets in PGlite', async () => openOwnerSecretStore(embedded))
describeDeliveryStore('deliveries in PostgreSQL', async () => openDeliveryStore(postgres), skip)
describeOwnerSecretStore('callback secrets in PostgreSQL', async () => openOwnerSecretStore(postgres), skip)

test('two workers at once send each delivery once', skip, async () => {
  const databases = [1, 2].map(() => openDatabase(place!))
  const jobs = createJobStore(databases[0]!)
  const ids: string[] = []
  for (let i = 0; i < 30; i += 1) {
    const job = newJob({ owner: `pair-${i % 3}`, callbackUrl: 'https://pair.example/hook' })
    ids.push((await jobs.create(job)).jobId)
  }
  await jobs.advance(ids.map((jobId) => changeTo(jobId, 'completed')))
  const delivered = createArrivals<string>()
  const stop = new AbortController()
  const { signal } = stop
  const workers = databases.map((db) => {
    const store = createDeliveryStore(db)
    const record: typeof store.record = async (claimed, outcome) => {
      const status = await store.record(claimed, outcome)
      delivered.add(claimed.deliveryId)
      return status
    }
    const ports = { ...createFakePorts(), deliveries: { ...store, record } }
    return { ports, done: deliverCallbacks(ports, { concurrency: 5, pollMs: 20 }, signal, signal) }
  })
  await delivered.until(30)
  stop.abort()
  await Promise.all(workers.map(({ done }) => done))
  const sent = workers
    .flatMap(({ ports }) => ports.callbackSender.sent)
    .filter(({ url }) => url === 'https://pair.example/hook')
    .map(({ headers }) => headers['x-tonewire-delivery'])
  assert.equal(sent.length, 30)
  assert.equal(new Set(sent).size, 30)
  await Promise.all(databases.map((db) => db.destroy()))
})
