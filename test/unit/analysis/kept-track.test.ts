import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatKeptTrack, isKeptTrack, readKeptTrack } from '../../../src/analysis/kept-track.ts'

const track = { startS: 0.0213, stepS: 0.01, f0Hz: Float64Array.of(0, 181.234567890123, 0, 990.5) }

test('a kept track is read back bit by bit, also from within a larger buffer', () => {
  const bytes = formatKeptTrack(track)
  assert.deepEqual(readKeptTrack(bytes), track)
  const within = Buffer.concat([Buffer.from('xyz'), bytes]).subarray(3)
  assert.equal(isKeptTrack(within), true)
  assert.deepEqual(readKeptTrack(within), track)
})

test('a track of ten hours is kept like any other', () => {
  const f0Hz = new Float64Array(3_600_000).fill(150)
  const bytes = formatKeptTrack({ startS: 0, stepS: 0.01, f0Hz })
  assert.equal(isKeptTrack(bytes), true)
  assert.equal(readKeptTrack(bytes).f0Hz.length, 3_600_000)
})

test('anything else counts as not kept', () => {
  const bytes = formatKeptTrack(track)
  const others = [
    new Uint8Array(),
    bytes.subarray(0, 20),
    bytes.subarray(0, bytes.length - 1),
    Buffer.from('time_s,f0_hz\n0.01,100\n0.02,110\n0.03,120\n'),
    formatKeptTrack({ ...track, stepS: 0 }),
    formatKeptTrack({ ...track, startS: Number.NaN }),
  ]
  for (const other of others) assert.equal(isKeptTrack(other), false)
})
