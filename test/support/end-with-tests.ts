/**
 * Preloaded into every test file by scripts/test.ts. What a failed test left open (a server, a connection) would keep
 * its file's process, and with it the whole run, alive until somebody ends it: it is ended here, and said.
 */
import { after } from 'node:test'

/** The file's own `after` hooks have this long, too. */
const GRACE_MS = Number(process.env.TEST_GRACE_MS ?? 60_000)

// The runner itself loads this as well, and has no tests.
if (process.env.NODE_TEST_CONTEXT !== undefined) {
  after(() => {
    const end = () => {
      console.error(`Still open after the tests: ${process.getActiveResourcesInfo().join(', ')}`)
      process.exit(1)
    }
    setTimeout(end, GRACE_MS).unref()
  })
}
