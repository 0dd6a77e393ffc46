import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Cell, describeRun, formatMatrix } from '../../../scripts/chaos/figures.ts'
import { type Dispatched, faultsOfStream } from '../../../scripts/chaos/stream.ts'

const event = (status: string, progress: number, more: Partial<Dispatched> = {}): Dispatched =>
  ({ event: 'progress', id: `${status} ${progress}`, status, progress, attempt: 1, ...more }) as Dispatched
const STORED = event('stored', 25)
const QUEUED = event('queued', 40)
const DONE = event('completed', 100)
const faults = (...events: Dispatched[]) => faultsOfStream({ events, over: true }, 'completed')

test('a stream that goes forward to its end is right, also from an answer that was ahead of it', () => {
  assert.deepEqual(faults(STORED, QUEUED, event('analysing', 65), event('analysing', 80), DONE), [])
  assert.deepEqual(faults(event('completed', 100, { event: 'accepted', id: undefined }), QUEUED, DONE), [])
  assert.deepEqual(faults(event('completed', 100, { event: 'accepted', id: undefined })), [])
})

test('what goes back, comes twice, follows the end or lacks it is found', () => {
  assert.match(faults(QUEUED, STORED, DONE).join(), /status went back: queued 40 → stored 25/)
  assert.match(faults(event('analysing', 80), event('analysing', 70), DONE).join(), /progress went back/)
  assert.match(faults(STORED, STORED, DONE).join(), /came twice/)
  assert.match(faults(STORED, DONE, event('completed', 100, { id: 'other' })).join(), /followed the end/)
  assert.match(faults(STORED, QUEUED).join(), /ended with queued where the row is completed/)
  assert.match(faults().join(), /ended with nothing/)
})

test('after a gap the percentage may be lower, the status never', () => {
  const gap = event('queued', 0, { event: 'gap', id: undefined })
  assert.deepEqual(faults(event('analysing', 80), gap, event('analysing', 65), DONE), [])
  assert.match(faults(event('analysing', 80), gap, QUEUED, DONE).join(), /status went back/)
})

const cell = (name: string, more: Partial<Cell> = {}): Cell => {
  return { name, faults: [], reached: true, jobs: 6, seconds: 4, seed: 1, ...more }
}

test('a matrix says its seeds, its command and what it does not show', () => {
  const cells = [cell('a'), cell('a', { seed: 2 }), cell('b', { reached: false, seed: 2 })]
  assert.equal(
    describeRun({ cells, leftOut: 4 }, 'SEED=1 npm run chaos -- --seeds 2'),
    'Seeds 1, 2, by `SEED=1 npm run chaos -- --seeds 2`: 3 cells, 1 of them not reached, 4 left out for time.\n',
  )
})

test('one bad run of several makes a cell red, and a call that never came is not green', () => {
  const matrix = formatMatrix([
    cell('forward/jobs.find/before'),
    cell('forward/jobs.find/after'),
    cell('forward/jobs.find/after', { faults: ['lost'], seed: 2 }),
    cell('record/jobs.find/before', { reached: false }),
    cell('redis flushed', { jobs: 500, seconds: 31 }),
  ])
  assert.match(matrix, /\| `jobs.find` \| ✔ ✖ \| – \|/)
  assert.match(matrix, /\| redis flushed \| 500 \| 31 \| ✔ \|/)
})
