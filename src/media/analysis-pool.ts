/**
 * The analysis engine on threads. The way of a recording through the pool, and its exits:
 *
 *   admitted → spooled to a private file → waiting for a thread → running → answered
 *
 * - not admitted: more are held than the pool may hold        → `analysis-failed`, try later
 * - the incoming stream fails, stalls or cannot be written    → its own error, or `storage-unavailable`
 * - the caller's signal aborts, at any step                   → the signal's reason
 * - no thread began, or a thread died                         → `analysis-failed`, try later
 * - ffmpeg was there and cannot be started any more           → `not-ready`, try later
 * - the thread did not end in time                            → `analysis-timeout`, final
 * - the recording cannot be read                              → the thread's own error, final
 *
 * The file is removed before any of them is seen.
 */
import { availableParallelism } from 'node:os'
import type { Readable } from 'node:stream'
import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads'
import { Piscina } from 'piscina'
import type { PitchOptions } from '../analysis/pitch.ts'
import { AppError, toAppError } from '../domain/errors.ts'
import type { Analyser, AnalysisJob, AnalysisOutcome } from '../ports.ts'
import type { AnalysisAnswer, AnalysisTask, ProgressNote } from './analysis-worker.ts'
import { createFfmpegWatch } from './ffmpeg-watch.ts'
import { checkSpool, createSpool, type Spool } from './spool.ts'

export interface AnalysisPoolOptions {
  /** Default: one per core. */
  readonly threads?: number
  /** Longer recordings are refused as `recording-too-long`. */
  readonly maxDurationS: number
  /** For the work in a thread, and once more for each of the steps before. */
  readonly timeoutMs: number
  /** How many more than `threads` may be held; default: as many again. */
  readonly maxWaiting?: number
  /** Default `robust`. */
  readonly mode?: PitchOptions['mode']
  /** Parent of the folder for spooled files; default: the system's. */
  readonly tmpDir?: string
  /** With less room there `check` throws; default 16 MiB. */
  readonly leastFreeBytes?: number
  /** Told of a thread that died while it had nothing to do; another has taken its place. */
  readonly onThreadError?: (error: Error) => void
  /** The module that the threads run; another one only to see how the pool takes its faults. */
  readonly threadModule?: URL
}

export interface AnalysisPool extends Analyser {
  /** Ends the threads and removes the folder; what is still held fails with `shutting-down`. */
  close(): Promise<void>
}

/** A thread that was asked to stop is ended when it has not by then. */
const STOP_GRACE_MS = 1000

/** Starts the threads at once and warms them; the folder is made with the first recording. */
export function createAnalysisPool(options: AnalysisPoolOptions): AnalysisPool {
  const threads = options.threads ?? availableParallelism()
  const most = threads + (options.maxWaiting ?? threads)
  const piscina: Piscina<AnalysisTask, AnalysisAnswer> = new Piscina({
    filename: (options.threadModule ?? new URL('./analysis-worker.ts', import.meta.url)).href,
    name: 'analyseTask',
    minThreads: threads,
    maxThreads: threads,
  })
  piscina.on('error', (error: Error) => options.onThreadError?.(error))
  const spool = createSpool(options.tmpDir)
  const ffmpeg = createFfmpegWatch()
  const closing = new AbortController()
  let held = 0
  let onIdle = () => {}

  return {
    mode: options.mode ?? 'robust',
    async analyse(job) {
      await using _inputs = claimInputs(job)
      if (held >= most) throw new AppError('analysis-failed', 'The analyser has more to do than it can hold.')
      held++
      try {
        const signal = AbortSignal.any([job.signal, closing.signal])
        await using file = await spoolRecording(spool, job.jobId, job.recording, signal, options.timeoutMs)
        const audio = job.reference?.audio ?? null
        const name = `${job.jobId}-reference`
        await using spooled = audio && (await spoolRecording(spool, name, audio, signal, options.timeoutMs))
        const given = { path: file.path, audioPath: spooled?.path ?? null, ffmpeg: ffmpeg.tools() }
        return await runInThread(piscina, given, { ...job, signal }, options)
      } finally {
        held--
        if (held === 0) onIdle()
      }
    },
    async check() {
      await checkSpool(options.tmpDir, options.leastFreeBytes)
      await ffmpeg.check()
    },
    async close() {
      closing.abort(new AppError('shutting-down', 'The analyser is stopping.'))
      // The threads end their decoders themselves when they are asked to stop.
      if (held > 0) await new Promise<void>((resolve) => (onIdle = resolve))
      await piscina.destroy()
      await spool.close()
    },
  }
}

/** The streams of a job: one that breaks while another is read is not thrown past us, and none is left open. */
function claimInputs({ recording, reference }: AnalysisJob): AsyncDisposable {
  const streams = [recording, reference?.audio].filter((stream) => stream != null)
  for (const stream of streams) stream.on('error', () => {})
  return { [Symbol.asyncDispose]: async () => streams.forEach((stream) => void stream.destroy()) }
}

async function spoolRecording(spool: Spool, name: string, bytes: Readable, signal: AbortSignal, timeoutMs: number) {
  const timeout = AbortSignal.timeout(timeoutMs)
  try {
    return await spool.write(name, bytes, AbortSignal.any([signal, timeout]))
  } catch (error) {
    signal.throwIfAborted()
    const detail = timeout.aborted ? 'The stored recording did not arrive in time.' : 'The recording broke off.'
    throw toAppError(error, 'storage-unavailable', detail)
  }
}

async function runInThread(
  piscina: Piscina<AnalysisTask, AnalysisAnswer>,
  { path, audioPath, ffmpeg }: Pick<AnalysisTask, 'path' | 'ffmpeg'> & { readonly audioPath: string | null },
  job: AnalysisJob,
  { mode = 'robust', maxDurationS, timeoutMs }: AnalysisPoolOptions,
): Promise<AnalysisOutcome> {
  job.signal.throwIfAborted()
  const { port1: progress, port2 } = new MessageChannel()
  const stopper = createStopper(timeoutMs, job.signal)
  const onNote = ({ share, message }: ProgressNote): void => {
    stopper.began()
    if (!stopper.stopped) job.onProgress(share, message)
  }
  progress.on('message', onNote)
  const { jobId, tokenId } = job
  const reference = toTaskReference(job, audioPath)
  try {
    const task: AnalysisTask = {
      path,
      reference,
      jobId,
      tokenId,
      mode,
      maxDurationS,
      ffmpeg,
      timeoutMs,
      progress: port2,
      stop: stopper.flag,
    }
    const answer = await piscina.run(task, { transferList: [port2], signal: stopper.kill })
    // The answer comes on another way than the notes, and may overtake the last of them.
    for (let late = receiveMessageOnPort(progress); late; late = receiveMessageOnPort(progress)) onNote(late.message)
    stopper.throwIfStopped()
    if (answer.ok) {
      const { ok, ...outcome } = answer
      return outcome
    }
    const { code, detail, retryable, cause } = answer
    throw new AppError(code, detail, { cause, retryable })
  } catch (error) {
    stopper.throwIfStopped()
    throw toAppError(error, 'analysis-failed', 'The analysis thread ended unexpectedly.')
  } finally {
    stopper.dispose()
    progress.close()
  }
}

function toTaskReference({ reference }: AnalysisJob, audioPath: string | null): AnalysisTask['reference'] {
  if (!reference) return null
  const { textGrid, pitch, computedPitch, fault } = reference
  return fault ? { fault } : { textGrid, pitch, computedPitch, audioPath }
}

/** Ends a task for one of two reasons, the caller's signal or the time: first asks the thread, then ends it. */
function createStopper(timeoutMs: number, signal: AbortSignal) {
  const flag = new SharedArrayBuffer(4)
  const kill = new AbortController()
  let begun = false
  let reason: { error: unknown } | undefined
  let timer = setTimeout(onTimeout, timeoutMs)

  function stop(error: unknown): void {
    reason ??= { error }
    Atomics.store(new Int32Array(flag), 0, 1)
    clearTimeout(timer)
    if (begun) timer = setTimeout(() => kill.abort(), STOP_GRACE_MS)
    else kill.abort()
  }
  function onTimeout(): void {
    if (begun) stop(new AppError('analysis-timeout', 'The recording could not be analysed in the time allowed.'))
    else stop(new AppError('analysis-failed', 'No thread was free in time.'))
  }
  const onAbort = () => stop(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  return {
    flag,
    kill: kill.signal,
    get stopped() {
      return reason !== undefined
    },
    /** The thread has begun: the time counts from here. */
    began() {
      if (begun || reason !== undefined) return
      begun = true
      clearTimeout(timer)
      timer = setTimeout(onTimeout, timeoutMs)
    },
    throwIfStopped() {
      if (reason !== undefined) throw reason.error
    },
    dispose() {
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
    },
  }
}
