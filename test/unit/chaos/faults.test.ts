import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createExitBook } from '../../../scripts/chaos/exits.ts'
import { type ExpectedLetter, faultsOfLetters, type Letter } from '../../../scripts/chaos/letters.ts'

const UNTOUCHED = { toBeKilled: false, stopped: false }
const ARMED = { toBeKilled: true, stopped: false }
const KILLED = { code: null, signal: 'SIGKILL' }

test('a kill of ours and a stop with code 0 are no faults, and only the kill counts as one', async () => {
  const book = createExitBook()
  book.note('api', ARMED, KILLED, Promise.resolve('half a line'))
  book.note('api', { toBeKilled: false, stopped: true }, { code: 0, signal: null }, Promise.resolve('stopping'))
  // It had killed itself before it heard of the stop.
  book.note('api', { toBeKilled: true, stopped: true }, KILLED, Promise.resolve(''))
  assert.equal(book.kills('api'), 2)
  assert.deepEqual(await book.takeFaults(), [])
})

test('any other end is a fault with its code or signal and the end of what was written', async () => {
  const book = createExitBook()
  book.note('record', ARMED, { code: 1, signal: null }, Promise.resolve(`${'x'.repeat(9000)} TypeError: no\n`))
  book.note('record', UNTOUCHED, KILLED, Promise.resolve(''))
  book.note('record', { toBeKilled: false, stopped: true }, { code: 1, signal: null }, Promise.resolve('too late'))
  const faults = await book.takeFaults()
  assert.match(faults[0] ?? '', /^record ended by itself \(code 1\): x+ TypeError: no$/)
  assert.match(faults[1] ?? '', /^record ended by itself \(SIGKILL\)/)
  assert.match(faults[2] ?? '', /^record did not stop in order \(code 1\): too late$/)
  assert.ok(faults.every((fault) => fault.length < 2000))
  assert.equal(book.kills('record'), 0)
  assert.deepEqual(await book.takeFaults(), [])
})

const EXPECTED: ExpectedLetter = { source: 'analysis', code: 'c', states: ['open'], body: 'poison', touchesJob: false }
const LETTER: Letter = { source: 'analysis', code: 'c', state: 'open', body: 'poison', stage: null }

test('a letter is right when it was expected, once, as it is', () => {
  assert.deepEqual(faultsOfLetters([], []), [])
  assert.deepEqual(faultsOfLetters([EXPECTED], [LETTER]), [])
  const ofJob = { ...EXPECTED, touchesJob: true, body: 'order' }
  assert.deepEqual(faultsOfLetters([EXPECTED, ofJob], [{ ...LETTER, body: 'order', stage: 'queued' }, LETTER]), [])
})

test('a letter that nobody expected, a second one and a missing one are faults', () => {
  assert.match(faultsOfLetters([], [LETTER]).join(), /a dead letter: analysis c open of no job poison/)
  assert.equal(faultsOfLetters([EXPECTED], [LETTER, LETTER]).length, 1)
  assert.match(faultsOfLetters([EXPECTED], []).join(), /there is no letter analysis c open of no job poison/)
  for (const other of [{ code: 'd' }, { state: 'discarded' }, { stage: 'queued' }, { source: 'results' }]) {
    assert.equal(faultsOfLetters([EXPECTED], [{ ...LETTER, ...other }]).length, 2)
  }
})
