/**
 * Reference texts as they come in at the API: small ones are read at once, larger ones in one thread of their own, so
 * that the event loop is not held up. The thread starts with the first of them and ends when there are no more.
 */
import { Piscina } from 'piscina'
import { checkReferenceText } from '../analysis/reference.ts'
import { AppError, toAppError } from '../domain/errors.ts'
import type { ReferenceChecker } from '../ports/reference-checker.ts'
import type { CheckAnswer, CheckTask } from './reference-check-worker.ts'

export interface ReferenceCheckerOptions {
  /** Larger ones go to the thread; 32 KiB are read in a few milliseconds, cold code and all. */
  readonly threadAboveBytes?: number
  /** In the thread and waiting for it, at most 4 MiB each. */
  readonly maxHeld?: number
}

const IDLE_MS = 10_000
const THREAD_MEMORY_MB = 256

export function createReferenceChecker({ threadAboveBytes = 32 * 1024, maxHeld = 16 }: ReferenceCheckerOptions = {}) {
  let pool: Piscina<CheckTask, CheckAnswer> | undefined
  let held = 0

  async function checkInThread(task: CheckTask): Promise<void> {
    if (held >= maxHeld) throw new AppError('not-ready', 'Too many reference files are being read. Try again soon.')
    held++
    try {
      pool ??= openPool()
      const fault = await pool.run(task)
      if (fault !== null) throw new AppError(fault.code, fault.detail)
    } catch (error) {
      throw toAppError(error)
    } finally {
      held--
    }
  }
  return {
    check: async (kind, bytes) =>
      bytes.length > threadAboveBytes ? checkInThread({ kind, bytes }) : checkReferenceText(kind, bytes),
    /** Ends the thread; what it still reads fails. */
    close: async (): Promise<void> => void (await pool?.destroy()),
  } satisfies ReferenceChecker & { close(): Promise<void> }
}

function openPool(): Piscina<CheckTask, CheckAnswer> {
  return new Piscina({
    filename: new URL('./reference-check-worker.ts', import.meta.url).href,
    name: 'checkTask',
    minThreads: 0,
    maxThreads: 1,
    idleTimeout: IDLE_MS,
    resourceLimits: { maxOldGenerationSizeMb: THREAD_MEMORY_MB },
  })
}
