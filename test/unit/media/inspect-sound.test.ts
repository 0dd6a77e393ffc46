import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspectHead } from '../../../src/media/inspect-head.ts'
import { mp4Of } from '../../support/mp4-files.ts'

const MP4 = { format: 'mp4', contentType: 'video/mp4', extension: '.mp4' }
const soundOf = async (head: Uint8Array) => (await inspectHead(head, MP4)).hasSound

test('a video says whether it has a sound track, where its head lists the tracks', async () => {
  assert.equal(await soundOf(mp4Of(['vide'])), false)
  assert.equal(await soundOf(mp4Of(['vide', 'soun'])), true)
  assert.equal(await soundOf(mp4Of([])), null)
})

test('a head that is cut off within its tracks says nothing, wherever the cut is', async () => {
  const whole = mp4Of(['vide', 'soun'])
  const listed = whole.indexOf('mdat') - 4
  for (let end = 0; end < listed; end++) assert.equal(await soundOf(whole.subarray(0, end)), null, String(end))
})
