/**
 * The inside of an analysis thread: a file's path comes in, the result's JSON goes out. Errors go out as data, since
 * an error's class does not survive the way between threads.
 */
import type { MessagePort } from 'node:worker_threads'
import { analyse } from '../analysis/analyse.ts'
import { compare } from '../analysis/compare.ts'
import type { CreateRealFft } from '../analysis/fft.ts'
import type { PitchOptions } from '../analysis/pitch.ts'
import { createSound } from '../analysis/sound.ts'
import { type ErrorCode, toAppError } from '../domain/errors.ts'
import { toResult } from '../domain/result.ts'
import { analyseFile } from './analyse-file.ts'
import { loadFft } from './fft.ts'
import { readTaskReference, type TaskReference } from './task-reference.ts'

export interface AnalysisTask {
  readonly path: string
  readonly reference: TaskReference | null
  readonly jobId: string
  readonly tokenId: string | null
  readonly mode: PitchOptions['mode']
  readonly maxDurationS: number
  /** Takes `ProgressNote`s, the first as soon as the thread begins. */
  readonly progress: MessagePort
  /** One 32-bit number: anything but 0 asks the thread to stop. */
  readonly stop: SharedArrayBuffer
}

export interface ProgressNote {
  readonly share: number
  readonly message: string
}

export type AnalysisAnswer =
  | { readonly ok: true; readonly durationS: number; readonly result: string; readonly computedPitch?: string }
  | { readonly ok: false; readonly code: ErrorCode; readonly detail: string; readonly cause: string }

const NOTE_INTERVAL_MS = 100

/** A promise of the function that the pool calls: a thread counts as ready when it is warm. */
export const analyseTask: Promise<(task: AnalysisTask) => Promise<AnalysisAnswer>> = start()

async function start(): Promise<(task: AnalysisTask) => Promise<AnalysisAnswer>> {
  const createFft = await loadFft()
  warmUp(createFft)
  return (task) => answer(task, createFft)
}

/** A second of a gliding tone: the first analysis of a thread takes ten times as long as the next. */
function warmUp(createFft: CreateRealFft): void {
  const rateHz = 16_000
  const glide = Float32Array.from({ length: rateHz }, (_, i) => {
    const timeS = i / rateHz
    return Math.sin(2 * Math.PI * (150 + 50 * timeS) * timeS) * Math.sin(Math.PI * timeS)
  })
  const source = {
    codec: 'none',
    sampleRateHz: rateHz,
    channels: 1,
    clippingRatio: 0,
    truePeakDbtp: null,
    damaged: false,
  }
  for (const mode of ['robust', 'praat'] as const) {
    analyse({ ...source, sound: createSound(glide, rateHz) }, { createFft, pitch: { mode } })
  }
}

async function answer(task: AnalysisTask, createFft: CreateRealFft): Promise<AnalysisAnswer> {
  const stop = new Int32Array(task.stop)
  const note = createNotes(task.progress)
  try {
    note(0, 'Decoding the recording')
    const checkAborted = (): void => {
      if (Atomics.load(stop, 0) !== 0) throw new Error('stopped')
    }
    const options = { createFft, maxDurationS: task.maxDurationS, checkAborted }
    const read = task.reference === null ? undefined : await readTaskReference(task.reference, options)
    // Both sides are tracked alike: a pitch file counts as Praat's.
    const mode = read?.reference.pitch ? read.reference.mode : task.mode
    const analysis = await analyseFile(task.path, { ...options, mode, onProgress: note })
    const comparison = read && compare(analysis, read.reference)
    const result = JSON.stringify(toResult({ ...task, comparison }, analysis))
    const { computedPitch } = read ?? {}
    return {
      ok: true,
      durationS: analysis.durationS,
      result,
      ...(computedPitch === undefined ? {} : { computedPitch }),
    }
  } catch (error) {
    const { code, detail, cause, stack } = toAppError(error, 'analysis-failed')
    return { ok: false, code, detail, cause: cause instanceof Error ? (cause.stack ?? cause.message) : (stack ?? '') }
  } finally {
    task.progress.close()
  }
}

function createNotes(port: MessagePort): (share: number, message: string) => void {
  let nextMs = 0
  return (share, message) => {
    const nowMs = performance.now()
    if (nowMs < nextMs && share < 1) return
    nextMs = nowMs + NOTE_INTERVAL_MS
    port.postMessage({ share, message } satisfies ProgressNote)
  }
}
