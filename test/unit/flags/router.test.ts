import assert from 'node:assert/strict'
import { afterEach, describe, test } from 'node:test'
import { bucketOf } from '../../../src/domain/cutover.ts'
import type { FlagCache } from '../../../src/flags/flag-cache.ts'
import { createRouter, type RouterOptions } from '../../../src/flags/router.ts'
import type { CutoverSettings, StoredFlag } from '../../../src/ports/cutover.ts'
import { createTestLog } from '../../contracts/test-log.ts'
import { DIRECT_ROUTE, storedFlag } from '../../support/flags.ts'

const provider = (name: string) => new URL(`../../support/flag-providers/${name}.ts`, import.meta.url).pathname

const open: ReturnType<typeof createRouter>[] = []
afterEach(() => {
  for (const router of open.splice(0)) router.close()
})

function knowing(flag: StoredFlag | undefined): FlagCache {
  return { known: () => flag, loaded: async () => {}, learn: () => {}, close: () => {} }
}

async function openRouter(settings: Partial<CutoverSettings>, flag?: StoredFlag, more: Partial<RouterOptions> = {}) {
  const log = createTestLog()
  const router = createRouter({ flag: knowing(flag), settings: { ...DIRECT_ROUTE, ...settings }, log, ...more })
  open.push(router)
  await router.ready()
  const warnings = () => log.lines.filter(({ level }) => level === 'warn').map(({ sentence }) => sentence)
  return { router, decide: router.decide, warnings }
}

const FORCED = { reason: 'forced', flagVersion: null }
const DEFAULT = { reason: 'default', flagVersion: null }

describe('the order of what decides', () => {
  test('what the environment forces is above the flag and its lists', async () => {
    const flag = storedFlag({ percent: 100, allow: ['acme'] })
    const { decide } = await openRouter({ forcedPercent: 0, defaultPercent: 100 }, flag)
    assert.deepEqual(await decide('acme'), { route: 'direct', ...FORCED })
    const all = await openRouter({ forcedPercent: 100 }, storedFlag({ percent: 0, deny: ['acme'] }))
    assert.deepEqual(await all.decide('acme'), { route: 'queue', ...FORCED })
    const some = await openRouter({ forcedPercent: bucketOf('acme') / 100 }, flag)
    assert.deepEqual(await some.decide('acme'), { route: 'direct', ...FORCED })
  })

  test('the flag is above the default, and its version is told', async () => {
    const { decide } = await openRouter({ defaultPercent: 100 }, storedFlag({ version: 4, percent: 0, allow: ['vip'] }))
    assert.deepEqual(await decide('acme'), { route: 'direct', reason: 'percentage', flagVersion: 4 })
    assert.deepEqual(await decide('vip'), { route: 'queue', reason: 'allowed', flagVersion: 4 })
  })

  test('without a flag the default decides', async () => {
    for (const [defaultPercent, route] of [[100, 'queue'] as const, [0, 'direct'] as const]) {
      const { decide } = await openRouter({ defaultPercent })
      assert.deepEqual(await decide('acme'), { route, ...DEFAULT })
    }
  })

  test('an owner who is not known goes as the default says, whatever the flag says', async () => {
    for (const [defaultPercent, route] of [[100, 'queue'] as const, [0, 'direct'] as const]) {
      const { decide } = await openRouter({ defaultPercent }, storedFlag({ percent: 100 - defaultPercent }))
      for (const owner of [undefined, '']) {
        assert.deepEqual(await decide(owner), { route, reason: 'no-owner', flagVersion: null })
      }
    }
  })

  test('where there is no direct route all take the queue, and it is said once if somebody wanted it otherwise', async () => {
    const none = { route: 'queue', reason: 'no-direct-route', flagVersion: null }
    const cases: [Partial<CutoverSettings>, StoredFlag | undefined, number][] = [
      [{}, undefined, 0],
      [{}, storedFlag({ percent: 100 }), 0],
      [{ defaultPercent: 50 }, undefined, 1],
      [{}, storedFlag({ percent: 99.99 }), 1],
      [{}, storedFlag({ percent: 100, deny: ['acme'] }), 1],
      [{ forcedPercent: 0 }, undefined, 1],
    ]
    for (const [settings, flag, warned] of cases) {
      const { decide, warnings } = await openRouter({ ...settings, hasDirectRoute: false }, flag)
      for (let i = 0; i < 3; i++) assert.deepEqual(await decide('acme'), none)
      assert.equal(warnings().length, warned, JSON.stringify([settings, flag?.percent]))
    }
    const forced = await openRouter({ forcedPercent: 100, hasDirectRoute: false })
    assert.deepEqual(await forced.decide('acme'), { route: 'queue', ...FORCED })
  })

  test('two routers in one process do not know of one another', async () => {
    const one = await openRouter({}, storedFlag({ version: 1, percent: 0 }))
    const other = await openRouter({}, storedFlag({ version: 2, percent: 100 }))
    one.router.close()
    assert.deepEqual(await other.decide('acme'), { route: 'queue', reason: 'percentage', flagVersion: 2 })
  })
})

describe('a company’s own provider', () => {
  const KNOWN = { route: 'queue', reason: 'percentage', flagVersion: 3 }
  const scripted = (more: Partial<RouterOptions> = {}) =>
    openRouter({ provider: provider('scripted') }, storedFlag({ version: 3, percent: 100 }), more)

  test('decides in the place of ours', async () => {
    const { decide } = await openRouter({ provider: provider('in-memory') }, storedFlag({ percent: 100 }))
    const answer = { reason: 'provider', flagVersion: null }
    assert.deepEqual(await decide('acme'), { route: 'direct', ...answer })
    assert.deepEqual(await decide('quince'), { route: 'queue', ...answer })
  })

  test('tells its version where that is a whole number', async () => {
    const { decide } = await scripted()
    assert.deepEqual(await decide('versioned'), { route: 'direct', reason: 'provider', flagVersion: 12 })
    assert.deepEqual(await decide('odd-version'), { route: 'direct', reason: 'provider', flagVersion: null })
  })

  test('that throws, rejects, answers nonsense, nothing or an error leaves it to the last known flag, said once', async () => {
    const { decide, warnings } = await scripted()
    for (const owner of ['throws', 'rejects', 'nonsense', 'nothing', 'error']) {
      assert.deepEqual(await decide(owner), KNOWN, owner)
    }
    assert.deepEqual(warnings(), ['flag provider failed; the last known flag decides'])
    assert.equal((await decide('versioned')).reason, 'provider')
    await decide('throws')
    assert.equal(warnings().length, 2)
  })

  test('that hangs is waited for once, then left alone for a while', async () => {
    const { decide } = await scripted({ answerMs: 20, leaveMs: 3_600_000 })
    assert.deepEqual(await decide('hangs'), KNOWN)
    const begun = performance.now()
    for (let i = 0; i < 1000; i++) assert.deepEqual(await decide('versioned'), KNOWN)
    assert.ok(performance.now() - begun < 20 * 1000, 'nobody waited')
    const patient = await scripted({ answerMs: 20, leaveMs: 0 })
    assert.deepEqual(await patient.decide('hangs'), KNOWN)
    assert.equal((await patient.decide('versioned')).reason, 'provider')
  })

  test('that cannot be opened leaves it to the last known flag, or the default', async () => {
    const { decide, warnings } = await openRouter({ provider: provider('broken'), defaultPercent: 0 })
    assert.deepEqual(await decide('acme'), { route: 'direct', ...DEFAULT })
    assert.ok(warnings().includes('flag provider not opened'))
  })

  test('that there is not stops the start, and it says which variable is wrong', async () => {
    await assert.rejects(openRouter({ provider: provider('none') }), /FLAG_PROVIDER: .*no function createProvider/)
    await assert.rejects(openRouter({ provider: './nowhere.ts' }), /FLAG_PROVIDER: .*cannot be loaded/)
    await assert.rejects(openRouter({ provider: 'no-such-package' }), /FLAG_PROVIDER: .*cannot be loaded/)
  })
})
