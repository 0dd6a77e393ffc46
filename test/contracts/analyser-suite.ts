/** What every implementation of the port `Analyser` promises. */
import assert from 'node:assert/strict'
import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { after, before, describe, test } from 'node:test'
import type { Analyser, AnalysisJob } from '../../src/ports.ts'

export const RECORDING = join(import.meta.dirname, '../../examples/recordings/queue-en.wav')

/** A job around a stream; everything else can be left out. */
export function analysisJob(recording: Readable, more: Partial<AnalysisJob> = {}): AnalysisJob {
  return {
    jobId: '0190f000-0000-7000-8000-000000000001',
    tokenId: 'greeting-1',
    recording,
    signal: new AbortController().signal,
    onProgress: () => {},
    ...more,
  }
}

/** @param open makes the analyser, for recordings of at most 60 s */
export function describeAnalyser(name: string, open: () => Analyser & { close?(): Promise<void> }): void {
  describe(name, () => {
    let analyser: ReturnType<typeof open>
    before(() => {
      analyser = open()
    })
    after(() => analyser.close?.())

    test('a recording becomes the JSON of a result, with its duration', async () => {
      const outcome = await analyser.analyse(analysisJob(createReadStream(RECORDING)))
      assert.equal(outcome.durationS, 5.362)
      const result = JSON.parse(outcome.result)
      assert.deepEqual(
        [result.version, result.job_id, result.token_id, result.duration_s, result.codec, result.sample_rate_hz],
        [1, '0190f000-0000-7000-8000-000000000001', 'greeting-1', 5.362, 'pcm_s16le', 16_000],
      )
      assert.deepEqual([result.comparison.score, result.comparison.reason], [null, 'no-reference'])
    })

    test('there is room to hold recordings in', () => analyser.check())

    test('progress rises within 0 and 1, with a sentence', async () => {
      const shares: number[] = []
      const onProgress = (share: number, message: string) => {
        assert.match(message, /^[A-Z]/)
        shares.push(share)
      }
      await analyser.analyse(analysisJob(createReadStream(RECORDING), { onProgress }))
      assert.ok(shares.length > 0 && shares.every((share) => share >= 0 && share <= 1))
      assert.deepEqual(
        shares,
        shares.toSorted((a, b) => a - b),
      )
    })

    test('what cannot be read is final, and says so in a sentence', async () => {
      for (const content of ['', 'no recording at all', 'RIFF\x10\0\0\0WAVEfmt ']) {
        await assert.rejects(analyser.analyse(analysisJob(Readable.from([Buffer.from(content, 'latin1')]))), {
          name: 'AppError',
          code: 'recording-undecodable',
          retry: 'never',
          detail: /^[A-Z].+\.$/,
        })
      }
    })

    test('a stream that fails can be tried again, and its recording with it', async () => {
      const broken = Readable.from(
        (async function* () {
          yield Buffer.from('RIFF')
          throw new Error('connection reset')
        })(),
      )
      await assert.rejects(analyser.analyse(analysisJob(broken)))
      assert.equal((await analyser.analyse(analysisJob(createReadStream(RECORDING)))).durationS, 5.362)
    })

    test("a signal that aborted, or aborts while the recording comes in, ends the job with the signal's reason", async () => {
      const reason = new Error('the owner cancelled')
      await assert.rejects(
        analyser.analyse(analysisJob(createReadStream(RECORDING), { signal: AbortSignal.abort(reason) })),
        reason,
      )
      const controller = new AbortController()
      const endless = new Readable({ read() {} })
      endless.push(Buffer.from('RIFF'))
      const analysis = analyser.analyse(analysisJob(endless, { signal: controller.signal }))
      setImmediate(() => controller.abort(reason))
      await assert.rejects(analysis, reason)
      assert.equal(endless.destroyed, true)
    })

    test('a reference that cannot be used is told in the result, and fails nothing', async () => {
      const fault = { code: 'object-not-found', detail: 'The stored recording is gone.' } as const
      const reference = { textGrid: null, pitch: null, computedPitch: null, audio: null, fault }
      const outcome = await analyser.analyse(analysisJob(createReadStream(RECORDING), { reference }))
      assert.deepEqual(outcome.referenceFault, fault)
      const { comparison } = JSON.parse(outcome.result)
      assert.deepEqual([comparison.score, comparison.reason], [null, 'reference-unusable'])
    })

    test('both streams of a job are closed, whatever becomes of it', async () => {
      for (const content of ['no recording at all', 'RIFF\x10\0\0\0WAVEfmt ']) {
        const recording = Readable.from([Buffer.from(content, 'latin1')])
        const audio = new Readable({ read() {} })
        audio.push(null)
        const reference = { textGrid: null, pitch: null, computedPitch: null, audio }
        await assert.rejects(analyser.analyse(analysisJob(recording, { reference })))
        assert.deepEqual([recording.destroyed, audio.destroyed], [true, true])
      }
    })

    test('two recordings at once do not disturb each other', async () => {
      const outcomes = await Promise.all(
        ['a', 'b'].map((jobId) => analyser.analyse(analysisJob(createReadStream(RECORDING), { jobId }))),
      )
      assert.deepEqual(
        outcomes.map(({ result }) => JSON.parse(result).job_id),
        ['a', 'b'],
      )
    })
  })
}
