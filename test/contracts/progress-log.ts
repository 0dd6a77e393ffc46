import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { afterEach, beforeEach, describe, test } from 'node:test'
import type { LogPosition } from '../../src/domain/cursor.ts'
import type { JobStatus } from '../../src/domain/job.ts'
import type { ProgressEvent } from '../../src/domain/progress-event.ts'
import type { LogEntry, LogListener, ProgressLog } from '../../src/ports.ts'
import { createArrivals } from './arrivals.ts'
import { describeForgetting } from './progress-log-forget.ts'
import { describeLosses } from './progress-log-losses.ts'
import { describeNotifying } from './progress-log-notify.ts'
import { describePages, readLog } from './progress-log-pages.ts'

export interface OpenProgressLog {
  /** Empty; keeps about `maxEntries` entries of an owner. */
  readonly log: ProgressLog
  /** Loses everything, as a flush of Redis does. */
  flush(): Promise<void>
  /** Remembers all, as a replica that lags; the function puts it back, as its promotion does. */
  remember(): Promise<() => Promise<void>>
  close(): Promise<void>
}

export function progressEvent(fields: Partial<ProgressEvent> & { status: JobStatus; progress: number }): ProgressEvent {
  const event = { owner: 'acme', jobId: randomUUID(), attempt: 1, ...fields }
  const { jobId, attempt, status, progress } = event
  return { ...event, data: JSON.stringify({ job_id: jobId, status, progress, message: 'a "progress": 3', attempt }) }
}

/** A job's events, made one after the other. */
export function eventsOf(fields: Partial<ProgressEvent> = {}) {
  const jobId = fields.jobId ?? randomUUID()
  return (status: JobStatus, progress: number, attempt = 1) =>
    progressEvent({ ...fields, jobId, status, progress, attempt })
}

export const FIRST = (head: LogPosition): LogPosition => ({ epoch: head.epoch, seq: 0 })

/** What every progress log promises; `maxEntries` is 200 in the log that `open` makes. */
export function describeProgressLog(name: string, open: () => Promise<OpenProgressLog>): void {
  describe(name, () => {
    let opened: OpenProgressLog
    let log: ProgressLog
    beforeEach(async () => {
      opened = await open()
      log = opened.log
    })
    afterEach(() => opened.close())

    async function statuses(owner = 'acme'): Promise<string[]> {
      const { entries } = await readLog(log, owner, FIRST(await log.head(owner)))
      return entries.map(({ event }) => `${event.attempt} ${event.status} ${event.progress}`)
    }

    test('events are appended in order and read back whole', async () => {
      const at = eventsOf()
      const events = [at('uploading', 0), at('stored', 25), at('analysing', 70.5)]
      const [seed] = events
      assert.deepEqual(await log.publish(events.map((event) => ({ event, seed: seed! }))), Array(3).fill('appended'))
      const head = await log.head('acme')
      const slice = await log.read('acme', FIRST(head))
      assert.deepEqual(slice.head, head)
      assert.equal(slice.complete, true)
      const expected = events.map(({ owner: _, ...event }, i) => ({ epoch: head.epoch, seq: i + 1, event }))
      assert.deepEqual(
        slice.entries.map(({ mark: _, ...entry }) => entry),
        expected,
      )
    })

    test('a job the log does not know is refused until it is seeded', async () => {
      const at = eventsOf()
      assert.deepEqual(await log.publish([{ event: at('queued', 40) }]), ['unknown'])
      assert.deepEqual(await log.publish([{ event: at('queued', 40), seed: at('stored', 25) }]), ['appended'])
      assert.deepEqual(await statuses(), ['1 stored 25', '1 queued 40'])
    })

    test('an event behind its seed is known, and only the seed is appended', async () => {
      const at = eventsOf()
      assert.deepEqual(await log.publish([{ event: at('queued', 40), seed: at('forwarded', 60) }]), ['known'])
      assert.deepEqual(await statuses(), ['1 forwarded 60'])
    })

    test('a seed is ignored when the log knows the job', async () => {
      const at = eventsOf()
      const seed = at('uploading', 0)
      await log.publish([{ event: seed, seed }])
      assert.deepEqual(await log.publish([{ event: seed, seed: at('analysing', 70) }]), ['known'])
      assert.deepEqual(await statuses(), ['1 uploading 0'])
    })

    test('neither rank nor progress goes back within an attempt', async () => {
      const at = eventsOf()
      const seed = at('analysing', 70)
      const late = [at('forwarded', 60), at('forwarded', 99), at('analysing', 70), at('analysing', 69)]
      assert.deepEqual(await log.publish([{ event: seed, seed }, ...late.map((event) => ({ event }))]), [
        'appended',
        ...Array(4).fill('known'),
      ])
      assert.deepEqual(await log.publish([{ event: at('analysing', 71) }]), ['appended'])
      assert.deepEqual(await statuses(), ['1 analysing 70', '1 analysing 71'])
    })

    test('a job that fails with an older progress is told with the progress reached, in the data too', async () => {
      const at = eventsOf()
      const seed = at('analysing', 80)
      await log.publish([{ event: seed, seed }, { event: at('failed', 65) }])
      const { entries } = await log.read('acme', FIRST(await log.head('acme')))
      const last = entries.at(-1)?.event
      assert.equal(last?.status, 'failed')
      assert.equal(last.progress, 80)
      assert.equal(last.data, at('failed', 80).data)
    })

    test('the first terminal status wins', async () => {
      const at = eventsOf()
      const seed = at('cancelled', 60)
      const outcomes = await log.publish([
        { event: seed, seed },
        { event: at('completed', 100) },
        { event: at('failed', 99) },
        { event: at('cancelled', 100) },
      ])
      assert.deepEqual(outcomes, ['appended', 'known', 'known', 'known'])
    })

    test('a higher attempt starts anew, and the one before is over', async () => {
      const at = eventsOf()
      const seed = at('failed', 65, 1)
      await log.publish([{ event: seed, seed }])
      assert.deepEqual(await log.publish([{ event: at('stored', 25, 2) }, { event: at('completed', 100, 1) }]), [
        'appended',
        'known',
      ])
      assert.deepEqual(await statuses(), ['1 failed 65', '2 stored 25'])
    })

    test('one owner never sees another, nor does its log move', async () => {
      const mine = progressEvent({ status: 'stored', progress: 25 })
      const before = await log.head('acme@x')
      await log.publish([{ event: mine, seed: mine }])
      assert.deepEqual(await log.head('acme@x'), before)
      assert.deepEqual(await statuses('acme@x'), [])
    })

    test('the same job id under two owners is two jobs', async () => {
      const jobId = randomUUID()
      const [a, b] = ['a', 'b'].map((owner) => progressEvent({ owner, jobId, status: 'stored', progress: 25 }))
      assert.deepEqual(
        await log.publish([
          { event: a!, seed: a! },
          { event: b!, seed: b! },
        ]),
        ['appended', 'appended'],
      )
    })

    test('after a flush the log has another epoch and forgets nothing that the rows know', async () => {
      const at = eventsOf()
      const seed = at('analysing', 70)
      await log.publish([{ event: seed, seed }])
      const before = await log.head('acme')
      await opened.flush()
      assert.deepEqual(await log.publish([{ event: at('stored', 25) }]), ['unknown'])
      assert.deepEqual(await log.publish([{ event: at('stored', 25), seed: at('analysing', 65) }]), ['known'])
      const after = await log.head('acme')
      assert.notEqual(after.epoch, before.epoch)
      assert.equal((await log.read('acme', before)).complete, false)
      assert.deepEqual(await statuses(), ['1 analysing 65'])
    })

    test('every listener of an owner hears each entry once, in order, and nobody else does', async () => {
      const heard = [createArrivals<LogEntry>(), createArrivals<LogEntry>(), createArrivals<LogEntry>()]
      const leave: (() => void)[] = []
      for (const [i, owner] of ['acme', 'acme', 'other'].entries())
        leave.push(await log.subscribe(owner, listen(heard[i]!)))
      const at = eventsOf()
      const seed = at('uploading', 0)
      await log.publish([{ event: seed, seed }, { event: at('stored', 25) }, { event: at('completed', 100) }])
      for (const arrivals of heard.slice(0, 2)) await arrivals.until(3)
      const { entries } = await log.read('acme', FIRST(await log.head('acme')))
      for (const { items } of heard.slice(0, 2)) assert.deepEqual(items.map(asRead), entries)
      assert.deepEqual(heard[2]!.items, [])
      for (const end of leave) end()
    })

    test('a listener that left hears nothing, and those that stay go on', async () => {
      const [gone, stays] = [createArrivals<LogEntry>(), createArrivals<LogEntry>()]
      const leave = await log.subscribe('acme', listen(gone))
      const end = await log.subscribe('acme', listen(stays))
      leave()
      leave()
      const event = progressEvent({ status: 'stored', progress: 25 })
      await log.publish([{ event, seed: event }])
      await stays.until(1)
      assert.deepEqual(gone.items, [])
      end()
      const again = createArrivals<LogEntry>()
      const last = await log.subscribe('acme', listen(again))
      const next = progressEvent({ status: 'stored', progress: 25 })
      await log.publish([{ event: next, seed: next }])
      await again.until(1)
      assert.equal(stays.items.length, 1)
      last()
    })
    describeForgetting(() => log, eventsOf)
    describeNotifying(() => log, eventsOf)
    describePages(() => log, eventsOf)
    describeLosses(() => opened, eventsOf)

    test('a log that can be reached says so', async () => {
      await log.check()
    })
  })
}

/** An entry as it is read, of one that was heard. */
export function asRead({ follows: _, ...entry }: LogEntry): LogEntry {
  return entry
}

export function listen(arrivals: { add(entry: LogEntry): void }): LogListener {
  return { onEntry: (entry) => arrivals.add(entry), onInterrupted: () => {} }
}
