import assert from 'node:assert/strict'
import { tmpdir } from 'node:os'
import { test } from 'node:test'
import type { PGlite } from 'kysely'
import { createRoomCheck, freeBytesOf, LEAST_FREE_BYTES } from '../../../src/storage/disk-room.ts'
import { yieldingPGlite } from '../../../src/storage/pglite.ts'

const isAway = { code: 'database-unavailable' }

test('on a full disk the embedded database is not asked, and answers again when there is room', async () => {
  let free = LEAST_FREE_BYTES
  let nowMs = 0
  const asked: string[] = []
  const pglite: PGlite = {
    query: async (text: string) => void asked.push(text),
    transaction: (callback: (tx: unknown) => Promise<unknown>) => callback({ query: pglite.query }),
  } as unknown as PGlite
  const checkRoom = createRoomCheck(
    async () => free,
    () => nowMs,
  )
  const db = yieldingPGlite(pglite, checkRoom)
  await db.query('a', [])
  free -= 1
  await db.query('b', [])
  nowMs += 250
  await assert.rejects(db.query('c', []), isAway)
  await assert.rejects(
    db.transaction((tx) => tx.query('c', [])),
    isAway,
  )
  free += 1
  nowMs += 250
  await db.query('d', [])
  await db.transaction((tx) => tx.query('e', []))
  assert.deepEqual(asked, ['a', 'b', 'd', 'e'])
})

test('the free bytes of a folder are those of its disk', async () => {
  assert.ok((await freeBytesOf(tmpdir())) > 0)
})
