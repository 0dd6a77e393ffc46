import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { MAX_LETTER_BYTES } from '../../src/domain/dead-letter.ts'
import type { DeadLetterStore, LetterHead, NewLetter } from '../../src/ports/dead-letters.ts'

export interface OpenDeadLetterStore {
  readonly deadLetters: DeadLetterStore
  /** Makes a letter older: as if everything about it had happened this much earlier. */
  age(letterId: string, seconds: number): Promise<void>
  close(): Promise<void>
}

export function newLetter(fields: Partial<NewLetter> = {}): NewLetter {
  return {
    source: 'analysis',
    messageId: randomUUID(),
    body: '{"version":1}',
    ...{ jobId: null, attempt: null, owner: null, stage: null },
    code: 'message-invalid',
    detail: 'The message is not JSON',
    receiveCount: 1,
    ...fields,
  }
}

const DAY_S = 86_400
const DISCARDED = { state: 'discarded', by: 'ops', reason: 'noise', redrivenAttempt: null } as const
const REDRIVEN = { state: 'redriven', by: 'ops', reason: null, redrivenAttempt: 2 } as const

/** What every store of dead letters promises. The tests share one store; each has owners of its own. */
export function describeDeadLetterStore(
  name: string,
  open: () => Promise<OpenDeadLetterStore>,
  options: { skip?: string | false } = {},
): void {
  describe(name, { skip: options.skip ?? false }, () => {
    let opened: OpenDeadLetterStore
    const store = () => opened.deadLetters
    before(async () => {
      opened = await open()
    })
    after(() => opened.close())

    /** Keeps it, and reads it back. */
    const keep = async (fields: Partial<NewLetter> = {}): Promise<LetterHead> => {
      const letter = newLetter({ owner: randomUUID(), ...fields })
      await store().keep(letter)
      const letters = await store().list({ source: letter.source }, { limit: 1000 })
      return letters.find(({ messageId }) => messageId === letter.messageId) ?? assert.fail('the letter is not listed')
    }

    test('a letter is kept whole, open, with its payload and when it was seen', async () => {
      const fields = { jobId: randomUUID(), attempt: 3, stage: 'analysing', receiveCount: 4 } as const
      const body = `${'ä'.repeat(150)}${'"\\\n'.repeat(100)}`
      const { excerpt, ...head } = await keep({ ...fields, body })
      const letter = (await store().find(head.letterId))!
      assert.deepEqual({ ...letter, body: '', excerpt: '' }, { ...head, body: '', excerpt: '' })
      assert.deepEqual([letter.body, letter.sizeBytes], [body, Buffer.byteLength(body)])
      assert.equal(excerpt, body.slice(0, 200))
      assert.deepEqual([letter.jobId, letter.attempt, letter.stage, letter.receiveCount], [...Object.values(fields)])
      assert.deepEqual([letter.state, letter.resolvedAt, letter.resolvedBy], ['open', null, null])
      assert.deepEqual(letter.firstSeenAt, letter.lastSeenAt)
      assert.ok(Math.abs(Date.now() - +letter.firstSeenAt) < 60_000)
    })

    test('a repeat raises the receives and the last time only, whatever it says; also of a resolved letter', async () => {
      const first = newLetter({ owner: randomUUID(), receiveCount: 3 })
      assert.equal(await store().keep(first), true)
      assert.equal(await store().keep({ ...first, body: 'other', code: 'internal', receiveCount: 1 }), false)
      const [before] = await store().list({ owner: first.owner! }, { limit: 9 })
      assert.deepEqual([before?.receiveCount, before?.code, before?.excerpt], [4, first.code, first.body])
      await opened.age(before!.letterId, 100)
      await store().resolve(before!.letterId, DISCARDED)
      assert.equal(await store().keep({ ...first, receiveCount: 9 }), false)
      const [later, ...more] = await store().list({ owner: first.owner! }, { limit: 9 })
      assert.deepEqual([more, later?.state, later?.receiveCount], [[], 'discarded', 9])
      assert.ok(+later!.lastSeenAt - +later!.firstSeenAt > 90_000)
    })

    test('the same message id of another source is another letter', async () => {
      const letter = newLetter()
      for (const source of ['analysis', 'results', 'forward'] as const) {
        assert.equal(await store().keep({ ...letter, source }), true)
      }
    })

    test('a repeat can be raised alone: false of a letter that is not kept', async () => {
      const { letterId, source, messageId } = await keep()
      assert.equal(await store().raise({ source, messageId, receiveCount: 2 }), true)
      assert.equal((await store().find(letterId))?.receiveCount, 2)
      assert.equal(await store().raise({ source, messageId: randomUUID(), receiveCount: 2 }), false)
    })

    test('of many that keep one letter at once, one has made it', async () => {
      const letter = newLetter({ owner: randomUUID() })
      const made = await Promise.all([1, 2, 3, 4].map(() => store().keep(letter)))
      assert.equal(made.filter(Boolean).length, 1)
      assert.equal((await store().list({ owner: letter.owner! }, { limit: 9 })).length, 1)
    })

    test('a letter that is settled when it comes is kept as discarded, with the reason', async () => {
      const { state, reason, resolvedAt, resolvedBy } = await keep({ settled: 'The job had completed' })
      assert.deepEqual([state, reason, resolvedBy], ['discarded', 'The job had completed', 'tonewire'])
      assert.notEqual(resolvedAt, null)
    })

    test('the largest payload that SQS carries is kept whole, and any text at all is kept', async () => {
      const largest = await keep({ body: 'x'.repeat(MAX_LETTER_BYTES) })
      assert.equal(largest.sizeBytes, MAX_LETTER_BYTES)
      await keep({ body: '' })
      await keep({ body: 'not \u0000 JSON \ud800 {{{', detail: 'x'.repeat(5000) })
    })

    test('each filter narrows, and what is no id matches nothing', async () => {
      const [owner, jobId] = [randomUUID(), randomUUID()]
      const one = await keep({ owner, jobId, stage: 'forwarded', code: 'analysis-abandoned' })
      const two = await keep({ owner, source: 'results' })
      await opened.age(two.letterId, 5000)
      const idsOf = async (filter: object) =>
        (await store().list({ owner, ...filter }, { limit: 9 })).map(({ letterId }) => letterId)
      assert.deepEqual(await idsOf({}), [one.letterId, two.letterId])
      const since = new Date(Date.now() - 2_500_000)
      const ofOne = [
        { jobId },
        { stage: 'forwarded' },
        { code: 'analysis-abandoned' },
        { source: 'analysis' },
        { since },
      ]
      for (const filter of [...ofOne, { letterId: one.letterId }]) {
        assert.deepEqual(await idsOf(filter), [one.letterId], JSON.stringify(filter))
      }
      for (const filter of [{ jobId: 'x' }, { letterId: 'x' }, { owner: randomUUID() }, { state: 'redriven' }]) {
        assert.deepEqual(await idsOf(filter), [], JSON.stringify(filter))
      }
      assert.equal(await store().find('x'), undefined)
    })

    test('pages hold every letter once, newest first, also those that were seen at the same moment', async () => {
      const owner = randomUUID()
      const kept: LetterHead[] = []
      for (let i = 0; i < 5; i += 1) kept.push(await keep({ owner }))
      await opened.age(kept[0]!.letterId, 500)
      const seen: LetterHead[] = []
      for (let more = true; more; ) {
        const last = seen.at(-1)
        const after = last && { createdAt: last.firstSeenAt, jobId: last.letterId }
        const page = await store().list({ owner }, { limit: 2, ...(after && { after }) })
        seen.push(...page)
        more = page.length > 0
      }
      assert.equal(new Set(seen.map(({ letterId }) => letterId)).size, 5)
      assert.equal(seen.at(-1)?.letterId, kept[0]!.letterId)
    })

    test('groups count what has a key in common, largest first, from the oldest to the newest', async () => {
      const owner = randomUUID()
      const first = await keep({ owner, stage: 'forwarded' })
      await keep({ owner, stage: 'forwarded' })
      await keep({ owner, stage: 'forwarded', code: 'analysis-abandoned' })
      await opened.age(first.letterId, 1000)
      const groups = await store().group({ owner }, ['code', 'stage'])
      assert.deepEqual(
        groups.map(({ source, code, stage, count }) => [source, code, stage, count]),
        [
          [null, 'message-invalid', 'forwarded', 2],
          [null, 'analysis-abandoned', 'forwarded', 1],
        ],
      )
      const ageS = (+groups[0]!.newestAt - +groups[0]!.oldestAt) / 1000
      assert.ok(ageS >= 999 && ageS < 1100, `${ageS}`)
      const [all, ...none] = await store().group({ owner }, [])
      assert.deepEqual([all?.count, all?.code, none], [3, null, []])
      assert.deepEqual(await store().group({ owner: randomUUID() }, []), [])
    })

    test('a letter is resolved once; of two at once one did it', async () => {
      const { letterId } = await keep()
      const did = await Promise.all([REDRIVEN, REDRIVEN].map((resolution) => store().resolve(letterId, resolution)))
      assert.deepEqual(did.toSorted(), [false, true])
      assert.equal(await store().resolve(letterId, DISCARDED), false)
      const letter = await store().find(letterId)
      assert.deepEqual([letter?.state, letter?.redrivenAttempt, letter?.resolvedBy], ['redriven', 2, 'ops'])
      assert.equal(await store().resolve(randomUUID(), DISCARDED), false)
    })

    test('discarding resolves the open letters that match, says which, and touches no other', async () => {
      const owner = randomUUID()
      const ended = { jobId: randomUUID(), attempt: 2, stage: 'analysing' } as const
      const [one, redriven, other] = [await keep({ owner, ...ended }), await keep({ owner }), await keep()]
      await store().resolve(redriven.letterId, REDRIVEN)
      assert.deepEqual(await store().discard({ owner }, DISCARDED), [{ letterId: one.letterId, ...ended }])
      assert.deepEqual(await store().discard({ owner }, DISCARDED), [])
      const states = [one, redriven, other].map(async ({ letterId }) => (await store().find(letterId))?.state)
      assert.deepEqual(await Promise.all(states), ['discarded', 'redriven', 'open'])
      assert.equal((await store().find(one.letterId))?.reason, 'noise')
    })

    test('pruning deletes what was resolved long ago; an open letter stays however old it is', async () => {
      const [old, young, openOne] = [await keep(), await keep(), await keep()]
      for (const { letterId } of [old, young]) await store().resolve(letterId, DISCARDED)
      for (const { letterId } of [old, openOne]) await opened.age(letterId, 40 * DAY_S)
      assert.equal(await store().prune({ ageS: 30 * DAY_S, limit: 0 }), 0)
      assert.ok((await store().prune({ ageS: 30 * DAY_S, limit: 1000 })) >= 1)
      const kept = await Promise.all([old, young, openOne].map(({ letterId }) => store().find(letterId)))
      assert.deepEqual(
        kept.map((letter) => letter?.state),
        [undefined, 'discarded', 'open'],
      )
    })
  })
}
