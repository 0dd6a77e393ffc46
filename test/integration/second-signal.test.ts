import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startProcess } from '../support/processes.ts'

/** Holds something that takes longer than any test, and has ten minutes to finish it. */
const HOLDER = `
  import { runProcess } from './src/runtime.ts'
  const say = (fields, sentence) => console.log(sentence)
  const holding = setInterval(() => {}, 1000)
  await runProcess(
    ({ signal }) => {
      console.log('holding')
      return new Promise(() => signal.addEventListener('abort', () => console.log('finishing')))
    },
    { stopTimeoutS: 600, log: { debug: say, info: say, warn: say, error: say } },
  )
  clearInterval(holding)`

test('a first signal leaves time to finish what is held, a second one ends the process at once', async () => {
  const holder = startProcess(['--input-type=module', '-e', HOLDER])
  await holder.waitForLine(/^holding$/)
  process.kill(holder.pid, 'SIGTERM')
  await holder.waitForLine(/^finishing$/)
  const began = performance.now()
  // What comes within half a second counts as the same signal, so it is sent until it is heard.
  const again = setInterval(() => process.kill(holder.pid, 'SIGTERM'), 50)
  assert.deepEqual(await holder.ended.finally(() => clearInterval(again)), { code: 1, signal: null })
  assert.ok(performance.now() - began < 60_000)
})
