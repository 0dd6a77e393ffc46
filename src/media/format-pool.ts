/**
 * Results are formatted here: short ones at once, since they cost less than a thread's answer takes; all others one by
 * one in a thread of their own, which is made with the first of them and ends when there was nothing to do for a while.
 * Who waits holds nothing: a result is read when it is its turn.
 */
import { Piscina } from 'piscina'
import { formatResult } from '../analysis/format-result.ts'
import { AppError, toAppError } from '../domain/errors.ts'
import type { DerivedFormat } from '../domain/result-formats.ts'
import type { FormatSource, Formatter } from '../ports/formatter.ts'
import type { FormatAnswer, FormatTask } from './format-worker.ts'

export interface FormatPoolOptions {
  /** How many may wait for the thread; default 32. */
  readonly maxWaiting?: number
  /** For one result; default 30 s. */
  readonly timeoutMs?: number
  /** Told of a thread that died while it had nothing to do; another takes its place. */
  readonly onThreadError?: (error: Error) => void
}

export interface FormatPool extends Formatter {
  /** Ends the thread; what is still asked for fails with `shutting-down`. */
  close(): Promise<void>
}

/** A longer one takes the event loop more than a few milliseconds. */
const SHORT_CHARS = 32 * 1024
const IDLE_MS = 60_000
/** Of the thread: several times what the largest result takes. */
const MAX_HEAP_MB = 1024

export function createFormatPool(options: FormatPoolOptions = {}): FormatPool {
  const { maxWaiting = 32, timeoutMs = 30_000, onThreadError = () => {} } = options
  let piscina: Piscina<FormatTask, FormatAnswer> | undefined
  let held = 0
  let turn: Promise<unknown> = Promise.resolve()
  const closing = new AbortController()

  async function inThread(source: FormatSource, format: DerivedFormat): Promise<Uint8Array> {
    closing.signal.throwIfAborted()
    const json = 'json' in source ? source.json : await source.read()
    closing.signal.throwIfAborted()
    piscina ??= startThread(onThreadError)
    return runTask(piscina, { json, format }, AbortSignal.any([closing.signal, AbortSignal.timeout(timeoutMs)]))
  }

  return {
    async format(source, format) {
      if ('json' in source && source.json.length <= SHORT_CHARS) return encode(formatResult(source.json, format))
      if (held > maxWaiting)
        throw new AppError('formatter-busy', 'Too many results are being formatted. Try again soon.')
      held++
      const before = turn
      const mine = before.then(() => inThread(source, format)).finally(() => held--)
      turn = mine.catch(() => {})
      return mine
    },
    async close() {
      closing.abort(new AppError('shutting-down', 'The process is stopping.'))
      await turn
      await piscina?.destroy()
    },
  }
}

function startThread(onThreadError: (error: Error) => void): Piscina<FormatTask, FormatAnswer> {
  const piscina: Piscina<FormatTask, FormatAnswer> = new Piscina({
    filename: new URL('./format-worker.ts', import.meta.url).href,
    name: 'formatTask',
    minThreads: 0,
    maxThreads: 1,
    idleTimeout: IDLE_MS,
    resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MB },
  })
  piscina.on('error', onThreadError)
  return piscina
}

async function runTask(
  piscina: Piscina<FormatTask, FormatAnswer>,
  task: FormatTask,
  signal: AbortSignal,
): Promise<Uint8Array> {
  try {
    const answer = await piscina.run(task, { signal, transferList: ownBuffer(task.json) })
    if (answer instanceof Uint8Array) return answer
    throw new AppError(answer.code, answer.detail, { cause: answer.cause })
  } catch (error) {
    if (signal.aborted && signal.reason instanceof AppError) throw signal.reason
    const isTooLarge = signal.aborted || (error as { code?: string }).code === 'ERR_WORKER_OUT_OF_MEMORY'
    if (isTooLarge) throw new AppError('result-too-large', 'The result takes too long or too much memory to format.')
    throw toAppError(error)
  }
}

/** Handed over, not copied, where there is nothing else in it. */
function ownBuffer(json: string | Uint8Array): ArrayBuffer[] {
  if (typeof json === 'string' || !(json.buffer instanceof ArrayBuffer)) return []
  return json.byteLength === json.buffer.byteLength ? [json.buffer] : []
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}
