/** The port `Analyser` in memory: reads WAV for real and measures its duration, but finds no voice in it. */
import { buffer } from 'node:stream/consumers'
import { toResult } from '../../src/domain/result.ts'
import { createMemorySource } from '../../src/media/byte-source.ts'
import { decodeWav } from '../../src/media/decode-wav.ts'
import type { Analyser, AnalysisJob, AnalysisOutcome } from '../../src/ports.ts'

export interface FakeAnalyser extends Analyser {
  /** Ids of the jobs that were begun, in order. */
  readonly begun: readonly string[]
  /** The next job is handled by this instead; called several times, for the jobs after it in turn. */
  next(behaviour: (job: AnalysisJob) => Promise<AnalysisOutcome>): void
}

export function createFakeAnalyser({ maxDurationS = 3600 }: { maxDurationS?: number } = {}): FakeAnalyser {
  const begun: string[] = []
  const behaviours: ((job: AnalysisJob) => Promise<AnalysisOutcome>)[] = []
  return {
    begun,
    mode: 'robust',
    next: (behaviour) => void behaviours.push(behaviour),
    check: async () => {},
    async analyse(job) {
      begun.push(job.jobId)
      const behaviour = behaviours.shift() ?? ((one) => readWav(one, maxDurationS))
      try {
        return await behaviour(job)
      } finally {
        job.recording.destroy()
        job.reference?.audio?.destroy()
      }
    },
  }
}

async function readWav(job: AnalysisJob, maxDurationS: number): Promise<AnalysisOutcome> {
  job.signal.throwIfAborted()
  const abort = () => job.recording.destroy(job.signal.reason as Error)
  job.signal.addEventListener('abort', abort, { once: true })
  try {
    job.onProgress(0, 'Decoding the recording')
    const bytes = await buffer(job.recording)
    const { sound, codec, sampleRateHz, channels, clippingRatio, truePeakDbtp } = decodeWav(createMemorySource(bytes), {
      maxDurationS,
      highestRateHz: Number.POSITIVE_INFINITY,
    })
    const pitch = {
      mode: 'robust',
      startS: 0,
      stepS: 0.01,
      f0Hz: new Float64Array(0),
      floorHz: 75,
      ceilingHz: 600,
    } as const
    const { fault } = job.reference ?? {}
    const comparison = fault ? ({ score: null, reason: 'reference-unusable' } as const) : undefined
    const result = toResult(
      { ...job, comparison },
      {
        durationS: sound.durationS,
        codec,
        sampleRateHz,
        channels,
        quality: { clippingRatio, silenceRatio: null, signalToNoiseDb: null, flags: [], advice: [] },
        loudness: { integratedLufs: null, truePeakDbtp },
        pitch: { ...pitch, medianHz: null, rangeSemitones: null, voicedRatio: null },
        intensity: null,
        waveform: null,
        timing: { speechS: null, pauses: [], nucleiS: null },
      },
    )
    job.onProgress(1, 'The analysis is done')
    return { durationS: sound.durationS, result: JSON.stringify(result), ...(fault ? { referenceFault: fault } : {}) }
  } finally {
    job.signal.removeEventListener('abort', abort)
  }
}
