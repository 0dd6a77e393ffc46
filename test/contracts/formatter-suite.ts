/** What every `Formatter` promises. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { AppError } from '../../src/domain/errors.ts'
import type { DerivedFormat } from '../../src/domain/result-formats.ts'
import type { Formatter } from '../../src/ports/formatter.ts'

/** As short as the contract allows, with as many frames as asked for. */
export function resultJson(frames = 3): string {
  const f0_hz = Array.from({ length: frames }, (_, i) => (i % 3 === 0 ? null : 180.123 + (i % 50)))
  const pitch = { start_s: 0.02, step_s: 0.01, f0_hz }
  return JSON.stringify({ version: 1, duration_s: 0.04 + frames / 100, pitch })
}

const FORMATS: Readonly<Record<DerivedFormat, RegExp>> = {
  csv: /^time_s,f0_hz,intensity_db\n0\.020000,,\n0\.030000,181\.12300,\n/,
  pitchtier: /^File type = "ooTextFile"\nObject class = "PitchTier"/,
  textgrid: /"silences"/,
  svg: /^<svg .*<\/svg>\n$/s,
}
const FRAMES = [3, 20_000]

export function describeFormatter(name: string, create: () => Formatter): void {
  describe(name, () => {
    const formatter = create()
    const textOf = async (json: string, format: DerivedFormat, asBytes = false) => {
      const source = asBytes ? { read: async () => Buffer.from(json) } : { json }
      return Buffer.from(await formatter.format(source, format)).toString()
    }

    for (const [format, shape] of Object.entries(FORMATS) as [DerivedFormat, RegExp][]) {
      test(`a result of any length becomes ${format}, from text and from bytes alike`, async () => {
        for (const frames of FRAMES) {
          const text = await textOf(resultJson(frames), format)
          assert.match(text, shape)
          assert.equal(await textOf(resultJson(frames), format, true), text)
        }
      })
    }

    test('a result that lacks what the format needs is refused with its name, whatever its length', async () => {
      for (const padding of ['', 'x'.repeat(100_000)]) {
        const json = JSON.stringify({ score: 'ok', padding })
        await assert.rejects(textOf(json, 'csv'), (error) => {
          assert.ok(error instanceof AppError)
          assert.deepEqual(
            [error.code, error.detail],
            ['result-format-unavailable', 'The result has no pitch, which csv needs.'],
          )
          return true
        })
      }
    })

    test('what reading fails with is what formatting fails with, and the next is formatted', async () => {
      const gone = new AppError('object-not-found', 'The result is gone.')
      await assert.rejects(formatter.format({ read: () => Promise.reject(gone) }, 'csv'), gone)
      assert.match(await textOf(resultJson(), 'csv', true), FORMATS.csv)
    })
  })
}
