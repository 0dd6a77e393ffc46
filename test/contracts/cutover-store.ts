import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { CutoverStore, FlagChange } from '../../src/ports/cutover.ts'

export interface OpenCutoverStore {
  /** Without any version yet. */
  readonly store: CutoverStore
  close(): Promise<void>
}

export function flagChange(fields: Partial<FlagChange> = {}): FlagChange {
  return {
    ...{ percent: 50, allow: [], deny: [], reason: 'half of them', changedBy: 'ops', origin: 'operator', guard: null },
    ...fields,
  }
}

const GUARD = { steps: [1, 10, 50, 100], holdS: 3600, minOwners: 300, halted: false }
const BASELINE = { queue: { owners: 301, failed: 6 }, direct: { owners: 299, failed: 5 } }

/** What every store of the cutover flag promises. */
export function describeCutoverStore(
  name: string,
  open: () => Promise<OpenCutoverStore>,
  options: { skip?: string | false } = {},
): void {
  describe(name, { skip: options.skip ?? false }, () => {
    let opened: OpenCutoverStore
    before(async () => {
      opened = await open()
    })
    after(() => opened.close())
    const store = () => opened.store
    const newest = async () => (await store().current())?.version ?? 0

    test('as long as nobody set a version there is none, and only version 0 can be changed', async () => {
      assert.equal(await store().current(), undefined)
      assert.deepEqual(await store().history({ limit: 10 }), [])
      await assert.rejects(store().change(flagChange(), 3), { code: 'cutover-conflict', message: /No version.*not 3/ })
      assert.equal((await store().change(flagChange({ percent: 0 }), 0)).version, 1)
    })

    test('a version is read as it was set, whatever is in its texts', async () => {
      const lists = { allow: ['a@b.example', 'x|y', 'quote"d', 'comma,{}'], deny: ['12345', 'null'] }
      const change = flagChange({
        ...lists,
        percent: 12.34,
        guard: GUARD,
        baseline: BASELINE,
        reason: 'weil’s "geht" 🎉',
      })
      const before = Date.now()
      const made = await store().change(change, await newest())
      const { version, changedAt, notifiedAt, ...rest } = made
      assert.deepEqual(rest, change)
      assert.equal(notifiedAt, null)
      assert.ok(Math.abs(changedAt.getTime() - before) < 60_000)
      assert.deepEqual(await store().current(), made)
      assert.deepEqual(await store().history({ limit: 1 }), [made])
      const plain = await store().change(flagChange(), version)
      assert.deepEqual([plain.allow, plain.deny, plain.guard, plain.baseline], [[], [], null, null])
    })

    test('percentages are exact to two decimals', async () => {
      for (const percent of [0.01, 0.29, 57.01, 99.99, 100, 0]) {
        const { version } = await store().change(flagChange({ percent }), await newest())
        assert.deepEqual([(await store().current())?.percent, (await store().current())?.version], [percent, version])
      }
    })

    test('of 50 that change one version at the same time one wins, and the others hear who was first', async () => {
      const from = await newest()
      const changes = Array.from({ length: 50 }, (_, i) =>
        store().change(flagChange({ percent: i, changedBy: `admin-${i}` }), from),
      )
      const outcomes = await Promise.allSettled(changes)
      const [winner, ...others] = outcomes.filter(({ status }) => status === 'fulfilled')
      assert.ok(winner?.status === 'fulfilled' && others.length === 0)
      assert.deepEqual(await store().current(), winner.value)
      const { version, changedBy, percent } = winner.value
      assert.equal(version, from + 1)
      for (const outcome of outcomes.filter(({ status }) => status === 'rejected')) {
        assert.ok(outcome.status === 'rejected')
        assert.equal(outcome.reason.code, 'cutover-conflict')
        assert.ok(
          outcome.reason.detail.includes(`Version ${version} is in force, not ${from}. ${changedBy} set ${percent} %`),
        )
      }
    })

    test('a change that is repeated is refused and makes no further version', async () => {
      const from = await newest()
      const made = await store().change(flagChange(), from)
      await assert.rejects(store().change(flagChange(), from), { code: 'cutover-conflict' })
      await assert.rejects(store().change(flagChange(), from + 2), { code: 'cutover-conflict' })
      assert.deepEqual(await store().current(), made)
    })

    test('the history is read page by page, newest first, without gaps, and times never go back', async () => {
      for (let i = 0; i < 5; i++) await store().change(flagChange({ reason: `step ${i}` }), await newest())
      const all = await store().history({ limit: 1000 })
      assert.deepEqual(
        all.map(({ version }) => version),
        Array.from({ length: all.length }, (_, i) => all.length - i),
      )
      assert.ok(all.every(({ changedAt }, i) => i === 0 || +changedAt <= +all[i - 1]!.changedAt))
      const first = await store().history({ limit: 2 })
      const second = await store().history({ limit: 2, before: first.at(-1)!.version })
      const rest = await store().history({ limit: 1000, before: second.at(-1)!.version })
      assert.deepEqual([...first, ...second, ...rest], all)
      assert.deepEqual(await store().history({ limit: 5, before: 1 }), [])
    })

    test('what the guard did is found, oldest first, until somebody was told; operators’ changes never are', async () => {
      assert.deepEqual(await store().findUnnotified(10), [])
      const made: number[] = []
      for (const origin of ['guard', 'operator', 'guard', 'guard'] as const) {
        const { version } = await store().change(flagChange({ origin, changedBy: origin }), await newest())
        if (origin === 'guard') made.push(version)
      }
      const found = async (limit: number) => (await store().findUnnotified(limit)).map(({ version }) => version)
      assert.deepEqual(await found(10), made)
      assert.deepEqual(await found(2), made.slice(0, 2))
      await store().markNotified(made[0]!)
      const told = (await store().history({ limit: 10 })).find(({ version }) => version === made[0])?.notifiedAt
      assert.ok(told instanceof Date)
      await store().markNotified(made[0]!)
      assert.deepEqual(await found(10), made.slice(1))
      await store().markNotified(1_000_000)
    })
  })
}
