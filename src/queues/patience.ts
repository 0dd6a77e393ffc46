/**
 * A limit on how long answers are waited for, at the price of one timer for all that are waited for together: they are
 * equally patient, so the oldest is always the next to be late.
 */

export class LateAnswer extends Error {}

/** Makes a function that settles as the work it is given does, or rejects with `LateAnswer` after `patienceMs`. */
export function createPatience(patienceMs: number): <T>(work: Promise<T>) => Promise<T> {
  // In the order in which they become late.
  const waiting = new Set<{ readonly lateAtMs: number; readonly reject: (error: Error) => void }>()
  let isArmed = false

  function arm(afterMs: number): void {
    isArmed = true
    // What arrived while this process was busy is read before anything counts as late.
    setTimeout(() => setImmediate(giveUpLate), Math.max(1, Math.ceil(afterMs))).unref()
  }

  function giveUpLate(): void {
    isArmed = false
    const nowMs = performance.now()
    for (const call of waiting) {
      if (call.lateAtMs > nowMs) {
        arm(call.lateAtMs - nowMs)
        return
      }
      waiting.delete(call)
      call.reject(new LateAnswer('No answer came in time'))
    }
  }

  return <T>(work: Promise<T>): Promise<T> => {
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    const call = { lateAtMs: performance.now() + patienceMs, reject }
    waiting.add(call)
    if (!isArmed) arm(patienceMs)
    work.then(
      (value) => {
        waiting.delete(call)
        resolve(value)
      },
      (error) => {
        waiting.delete(call)
        reject(error)
      },
    )
    return promise
  }
}
