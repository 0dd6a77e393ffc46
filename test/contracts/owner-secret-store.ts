import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import type { OwnerSecretStore } from '../../src/ports/deliveries.ts'

export interface OpenOwnerSecretStore {
  readonly store: OwnerSecretStore
  /** As if the owner's last rotation had been this much earlier. */
  age(owner: string, seconds: number): Promise<void>
  close(): Promise<void>
}

/** What every store of callback secrets promises. */
export function describeOwnerSecretStore(
  name: string,
  open: () => Promise<OpenOwnerSecretStore>,
  options: { skip?: string | false } = {},
): void {
  describe(name, { skip: options.skip ?? false }, () => {
    let opened: OpenOwnerSecretStore
    before(async () => {
      opened = await open()
    })
    after(() => opened.close())

    test('a secret is made on first need, once, and differs from owner to owner', async () => {
      const owner = randomUUID()
      const found = await Promise.all([1, 2, 3].map(() => opened.store.find(owner)))
      assert.equal(new Set(found.flat()).size, 1)
      assert.ok(found[0]![0]!.length >= 40)
      assert.notDeepEqual(await opened.store.find(randomUUID()), found[0])
    })

    test('after a rotation the new and the old one count for 24 hours, then the new one alone', async () => {
      const owner = randomUUID()
      const [old] = await opened.store.find(owner)
      const fresh = await opened.store.rotate(owner)
      assert.deepEqual(await opened.store.find(owner), [fresh, old])
      await opened.age(owner, 24 * 3600 + 1)
      assert.deepEqual(await opened.store.find(owner), [fresh])
    })

    test('a rotation before the first need makes the first', async () => {
      const owner = randomUUID()
      const fresh = await opened.store.rotate(owner)
      assert.deepEqual(await opened.store.find(owner), [fresh])
    })
  })
}
