/**
 * The life of a process: one signal to stop, and how long it may take.
 *
 *   SIGTERM or SIGINT  → `signal`: readiness turns false, nothing more is taken, what is held is finished
 *   the budget is over → `release`: what is still held is given back
 *   a second signal, or the process will not end after that → exit at once (npm passes a Ctrl-C on besides the
 *   terminal, so what follows within half a second is the same one)
 */
import type { Log } from './ports.ts'

export interface Runtime {
  /** Stop taking, finish what is held. */
  readonly signal: AbortSignal
  /** Give back what is still held. */
  readonly release: AbortSignal
}

/** What is given back needs a moment to be given back. */
const RELEASE_MS = 5_000
const SAME_SIGNAL_MS = 500

/** Runs `main` until it ends by itself or a signal stops it; the exit code is 1 when it throws or has to be cut off. */
export async function runProcess(
  main: (runtime: Runtime) => Promise<void>,
  { stopTimeoutS, log }: { stopTimeoutS: number; log: Log },
): Promise<void> {
  const stop = new AbortController()
  const release = new AbortController()
  let firstAt = Number.POSITIVE_INFINITY
  const onSignal = (name: NodeJS.Signals): void => {
    if (performance.now() - firstAt > SAME_SIGNAL_MS) process.exit(1)
    if (stop.signal.aborted) return
    firstAt = performance.now()
    log.info({ signal: name }, 'stopping')
    stop.abort()
    after(stopTimeoutS * 1000, () => release.abort())
    after(stopTimeoutS * 1000 + RELEASE_MS, () => {
      log.error({}, 'did not stop in time')
      process.exit(1)
    })
  }
  process.on('SIGTERM', onSignal).on('SIGINT', onSignal)
  try {
    await main({ signal: stop.signal, release: release.signal })
  } catch (error) {
    process.exitCode = 1
    log.error({ err: error }, 'process failed')
    stop.abort()
  } finally {
    process.off('SIGTERM', onSignal).off('SIGINT', onSignal)
  }
}

function after(ms: number, action: () => void): void {
  setTimeout(action, ms).unref()
}
