import assert from 'node:assert/strict'
import { tmpdir } from 'node:os'
import { test } from 'node:test'
import { checkDisks } from '../../scripts/doctor/machine.ts'
import { LEAST_FREE_BYTES } from '../../src/storage/disk-room.ts'

/** What is found of a DATA_DIR whose disk has so many bytes free. */
async function examine(free: number) {
  const check = checkDisks({ dataDir: tmpdir(), tmpDir: tmpdir(), freeBytes: async () => free })
  const found = await check.run(new AbortController().signal)
  return found.filter(({ seen }) => seen.startsWith('DATA_DIR'))
}

test('a full disk under DATA_DIR is a fault with its mend, and one that is nearly full a warning', async () => {
  const [full] = await examine(LEAST_FREE_BYTES - 1)
  assert.equal(full?.level, 'fault')
  assert.match(full?.seen ?? '', /0\.1 GiB free: the embedded database takes nothing$/)
  assert.equal(full?.mend, 'free at least 64 MiB there')
  assert.equal((await examine(LEAST_FREE_BYTES))[0]?.level, 'warning')
  assert.equal((await examine(2 ** 40))[0]?.level, 'ok')
})
