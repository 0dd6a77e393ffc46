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
import type { Comparison } from '../domain/comparison.ts'
import { type ErrorCode, toAppError } from '../domain/errors.ts'
import { type Analysis, toResult } from '../domain/result.ts'
import type { AnalysisOutcome, ReferenceFault } from '../ports.ts'
import { analyseFile } from './analyse-file.ts'
import type { FfmpegTools } from './ffmpeg-tools.ts'
import { loadFft } from './fft.ts'
import { type ReadReference, readTaskReference, type TaskReference } from './task-reference.ts'

export interface AnalysisTask {
  readonly path: string
  /** Null when there is nothing to compare with; a fault when what there is cannot even be given to the thread. */
  readonly reference: TaskReference | { readonly fault: ReferenceFault } | null
  readonly jobId: string
  readonly tokenId: string | null
  readonly mode: PitchOptions['mode']
  readonly maxDurationS: number
  /** Null where there never were any. */
  readonly ffmpeg: FfmpegTools | null
  /** For the whole task; the thread gives the reference at most half of it. */
  readonly timeoutMs: number
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
  | ({ readonly ok: true } & AnalysisOutcome)
  | {
      readonly ok: false
      readonly code: ErrorCode
      readonly detail: string
      readonly retryable: boolean
      readonly cause: string
    }

const NOTE_INTERVAL_MS = 100

/** Of the whole work. A phase begins above the one before it, so that its first note is not taken for a repeat. */
const FIRST_SHARE = 0.04
const REFERENCE_SHARE = 0.4
const COMPARE_SHARE = 0.94

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
    const checkAborted = (): void => {
      if (Atomics.load(stop, 0) !== 0) throw new Error('stopped')
    }
    return { ok: true, ...(await analyseAndCompare(task, { createFft, checkAborted }, note)) }
  } catch (error) {
    const { code, detail, retryable, cause, stack } = toAppError(error, 'analysis-failed')
    const why = cause instanceof Error ? (cause.stack ?? cause.message) : (stack ?? '')
    return { ok: false, code, detail, retryable, cause: why }
  } finally {
    task.progress.close()
  }
}

type Note = (share: number, message: string) => void

async function analyseAndCompare(
  task: AnalysisTask,
  tools: { readonly createFft: CreateRealFft; readonly checkAborted: () => void },
  note: Note,
): Promise<AnalysisOutcome> {
  const { reference, maxDurationS, ffmpeg } = task
  const hasToTrack = reference !== null && 'audioPath' in reference && reference.audioPath !== null
  note(0, hasToTrack ? 'Reading the reference' : 'Decoding the recording')
  const read = await readReference(task, tools, (share) =>
    note(between(FIRST_SHARE, REFERENCE_SHARE, share), 'Reading the reference'),
  )
  const given = read && 'reference' in read ? read : undefined
  // Both sides are tracked alike: a pitch file counts as Praat's.
  const mode = given?.reference.pitch ? given.reference.mode : task.mode
  const from = hasToTrack ? REFERENCE_SHARE + FIRST_SHARE : 0
  const to = COMPARE_SHARE - (read === undefined ? 0 : FIRST_SHARE)
  const onProgress: Note = (share, message) => note(between(from, to, share), message)
  const analysis = await analyseFile(task.path, { ...tools, maxDurationS, ffmpeg, mode, onProgress })
  if (given) note(COMPARE_SHARE, 'Comparing with the reference')
  const comparison = read && compareWith(read, analysis)
  const result = JSON.stringify(toResult({ ...task, comparison }, analysis))
  note(1, 'The analysis is done')
  return {
    durationS: analysis.durationS,
    result,
    ...(given?.computedPitch === undefined ? {} : { computedPitch: given.computedPitch }),
    ...(read && 'fault' in read ? { referenceFault: read.fault } : {}),
  }
}

async function readReference(
  { reference, mode, maxDurationS, ffmpeg, timeoutMs }: AnalysisTask,
  tools: { readonly createFft: CreateRealFft; readonly checkAborted: () => void },
  onProgress: (share: number) => void,
): Promise<ReadReference | undefined> {
  if (reference === null) return undefined
  if ('fault' in reference) return reference
  return readTaskReference(reference, { ...tools, mode, maxDurationS, ffmpeg, timeoutMs: timeoutMs / 2, onProgress })
}

function compareWith(read: ReadReference, analysis: Analysis): Comparison {
  return 'fault' in read ? { score: null, reason: 'reference-unusable' } : compare(analysis, read.reference)
}

function between(from: number, to: number, share: number): number {
  return from + (to - from) * share
}

/** Ten notes a second, and the first of each phase; a share never goes back. */
function createNotes(port: MessagePort): Note {
  let nextMs = 0
  let last: ProgressNote = { share: 0, message: '' }
  return (share, message) => {
    const nowMs = performance.now()
    if (message === last.message && nowMs < nextMs) return
    nextMs = nowMs + NOTE_INTERVAL_MS
    last = { share: Math.max(share, last.share), message }
    port.postMessage(last)
  }
}
