/** Processes that are not this one's children: known by their id alone (Linux). */
import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'

const POLL_MS = 10
const LIMIT_MS = 20_000

/** False also for one that has ended and only waits to be collected. */
export function isRunning(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The name, in parentheses, may hold anything; the state stands behind it.
    return !/^[ZX]/.test(stat.slice(stat.lastIndexOf(')') + 2))
  } catch {
    return false
  }
}

/** Resolves when it has ended; nobody tells a stranger, so it looks again and again. */
export async function untilGone(pid: number): Promise<void> {
  for (const end = Date.now() + LIMIT_MS; isRunning(pid); await delay(POLL_MS)) {
    if (Date.now() > end) throw new Error(`process ${pid} still runs`)
  }
}
