import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { OpenFeature } from '@openfeature/server-sdk'
import { bucketOf } from '../../../src/domain/cutover.ts'
import { createCutoverProvider, FLAG_KEY } from '../../../src/flags/cutover-provider.ts'
import type { StoredFlag } from '../../../src/ports/cutover.ts'
import { storedFlag } from '../../support/flags.ts'

/** A client of OpenFeature with our provider behind it, as any code of a company would ask it. */
async function openClient(flag: StoredFlag | undefined, defaultPercent = 100) {
  const domain = randomUUID()
  await OpenFeature.setProviderAndWait(domain, createCutoverProvider({ known: () => flag, defaultPercent }))
  return OpenFeature.getClient(domain)
}

test('the provider says what the flag says of an owner: value, variant, why, and by which version', async () => {
  const flag = storedFlag({ version: 9, percent: bucketOf('acme') / 100, allow: ['vip'], deny: ['late'] })
  const client = await openClient(flag)
  const ask = async (targetingKey: string) => {
    const { flagKey, ...details } = await client.getBooleanDetails(FLAG_KEY, false, { targetingKey })
    assert.equal(flagKey, 'use-queue-system')
    return details
  }
  const metadata = (reason: string) => ({ reason, version: 9 })
  const targeted = { reason: 'TARGETING_MATCH' }
  assert.deepEqual(await ask('vip'), { value: true, variant: 'queue', ...targeted, flagMetadata: metadata('allowed') })
  assert.deepEqual(await ask('late'), {
    value: false,
    variant: 'direct',
    ...targeted,
    flagMetadata: metadata('denied'),
  })
  const split = { value: false, variant: 'direct', reason: 'SPLIT', flagMetadata: metadata('percentage') }
  assert.deepEqual(await ask('acme'), split)
})

test('as long as no flag is set the default percentage decides, by the same buckets', async () => {
  const at = (percent: number) => openClient(undefined, percent)
  const bucket = bucketOf('acme')
  const [out, inside] = [await at(bucket / 100), await at((bucket + 1) / 100)]
  const details = await out.getBooleanDetails(FLAG_KEY, true, { targetingKey: 'acme' })
  assert.deepEqual([details.value, details.reason, details.flagMetadata], [false, 'DEFAULT', { reason: 'default' }])
  assert.equal(await inside.getBooleanValue(FLAG_KEY, false, { targetingKey: 'acme' }), true)
})

test('what cannot be answered is an error of OpenFeature, and the caller’s default', async () => {
  const client = await openClient(storedFlag({ percent: 0 }))
  const context = { targetingKey: 'acme' }
  const asked = [
    client.getBooleanDetails('other-flag', true, context),
    client.getBooleanDetails(FLAG_KEY, true, {}),
    client.getBooleanDetails(FLAG_KEY, true),
    client.getStringDetails(FLAG_KEY, 'text', context),
    client.getNumberDetails(FLAG_KEY, 1, context),
    client.getObjectDetails(FLAG_KEY, {}, context),
    client.getStringDetails('other-flag', 'text', context),
  ]
  const answers = await Promise.all(asked)
  assert.deepEqual(
    answers.map(({ errorCode, value }) => [errorCode, value]),
    [
      ...[
        ['FLAG_NOT_FOUND', true],
        ['TARGETING_KEY_MISSING', true],
        ['TARGETING_KEY_MISSING', true],
      ],
      ...[
        ['TYPE_MISMATCH', 'text'],
        ['TYPE_MISMATCH', 1],
        ['TYPE_MISMATCH', {}],
        ['FLAG_NOT_FOUND', 'text'],
      ],
    ],
  )
})
