import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { type PitchContour, parsePitchFile } from '../../../src/analysis/pitch-file.ts'
import { formatPitchTier } from '../../../src/analysis/text-grid-writer.ts'
import { AppError } from '../../../src/domain/errors.ts'

const fixture = (name: string) => readFileSync(join(import.meta.dirname, `fixtures/praat-files/${name}`))
const bytesOf = (text: string) => new TextEncoder().encode(text)
const parse = (text: string) => parsePitchFile(bytesOf(text))
const rounded = ({ f0Hz }: PitchContour) => Array.from(f0Hz, Math.round)

function refusal(bytes: Uint8Array): string {
  try {
    parsePitchFile(bytes)
  } catch (error) {
    assert.ok(error instanceof AppError && error.code === 'reference-invalid', String(error))
    return error.detail
  }
  return 'accepted'
}

const FORMS = [
  'long.Pitch',
  'short.Pitch',
  'long.PitchTier',
  'short.PitchTier',
  'spreadsheet.PitchTier',
  'headerless.PitchTier',
]
for (const form of FORMS) {
  test(`Praat's ${form} is read: voice, a gap of 40 ms, voice`, () => {
    const contour = parsePitchFile(fixture(form))
    assert.ok(Math.abs(contour.startS - 0.02) < 1e-9 && Math.abs(contour.stepS - 0.01) < 1e-9)
    assert.deepEqual(rounded(contour), [...Array(7).fill(200), 0, 0, 0, 0, ...Array(6).fill(200)])
  })
}

test('binary files are refused with the way out', () => {
  for (const name of ['binary.Pitch', 'binary.PitchTier']) assert.match(refusal(fixture(name)), /"Save as text file…"/)
})

test('tables are read with and without a header, whatever separates their columns', () => {
  const tables = [
    'time,f0\n0.01,100\n0.02,\n0.03,0\n0.04,120\n',
    'time_s;f0_hz;intensity_db\r\n0.01;100;60\r\n0.02;NaN;60\r\n0.03;--undefined--;60\r\n0.04;120;60\r\n',
    '0.01\t100\n0.02\t0\n0.03\t0\n0.04\t120',
    '  0.01   100\n\n  0.02 --undefined--\n  0.03 na\n  0.04   120\n',
    '"intensity","F0 (Hz)","Time"\n60,100,0.01\n60,,0.02\n60,NaN,0.03\n60,120,0.04\n',
  ]
  for (const table of tables) {
    const contour = parse(table)
    assert.deepEqual(rounded(contour), [100, 0, 0, 120], table)
    assert.ok(Math.abs(contour.stepS - 0.01) < 1e-9)
  }
})

test('times in milliseconds are read as such when the header says so', () => {
  for (const header of ['time_ms,f0', 'Time (ms);F0', 'T [ms]\tpitch'])
    assert.equal(parse(`${header}\n10,100\n20,110\n`.replaceAll(',', header.match(/[,;\t]/)![0])).startS, 0.01)
  assert.equal(parse('timestamps,f0\n10,100\n').startS, 10)
})

test('a stylised PitchTier is straight lines between its points, however far apart they lie', () => {
  const { startS, stepS, f0Hz } = parsePitchFile(fixture('stylised.PitchTier'))
  assert.ok(stepS <= 0.01 && f0Hz.every((f0) => f0 > 0))
  const f0At = (timeS: number) => f0Hz[Math.round((timeS - startS) / stepS)]!
  assert.ok(Math.abs(startS - 0.091) < 1e-9)
  // From 251.9 Hz at 0.541 s to 163.3 Hz at 1.091 s.
  assert.ok(Math.abs(f0At(0.816) - (251.946 + 163.325) / 2) < 1)
})

test('coarse tables are read at 10 ms; a row without voice ends it halfway', () => {
  const { stepS, f0Hz } = parse('0,100\n0.1,110\n0.2,\n0.3,120\n')
  assert.equal(stepS, 0.01)
  assert.deepEqual(
    [0, 5, 10, 15, 16, 20, 24, 26, 30].map((i) => Math.round(f0Hz[i]!)),
    [100, 105, 110, 110, 0, 0, 0, 120, 120],
  )
})

test('the frames of a track are brought onto a grid, with no voice where they are far apart', () => {
  assert.deepEqual(
    rounded(parse('0,100\n0.01,110\n0.021,120\n0.03,130\n0.1,200\n0.11,210\n')),
    [100, 110, 119, 130, 0, 0, 0, 0, 0, 0, 200, 210],
  )
  assert.deepEqual(rounded(parse('0.5,100')), [100])
})

test('a file of our own is read as it was', () => {
  const points = Array.from({ length: 50 }, (_, i) => ({ timeS: 0.02 + i / 100, f0Hz: 100 + i }))
  const { f0Hz } = parse(formatPitchTier(1, points))
  assert.deepEqual(
    Array.from(f0Hz, Math.round),
    points.map(({ f0Hz: f0 }) => f0),
  )
})

test('each fault is named with its line', () => {
  const tier = (n: number | string, ...values: (string | number)[]) =>
    bytesOf(['File type = "ooTextFile"', 'Object class = "PitchTier"', '', 0, 1, n, ...values].join('\n'))
  const cases: [Uint8Array, RegExp][] = [
    [bytesOf('0.01,100\n0.01,110\n'), /^Line 2: The time 0\.01 s does not come after the one before, 0\.01 s\.$/],
    [bytesOf('0.01,100\n0.02,20\n'), /^Line 2: An F0 of 20 Hz is outside 30–1000 Hz\.$/],
    [bytesOf('0.01,100\n0.02,-5\n'), /^Line 2: An F0 of -5 Hz/],
    [bytesOf('0.01,100\n0.02,1e999\n'), /^Line 2: An F0 of Infinity Hz/],
    [bytesOf('0.01,100\n0.02,high\n'), /^Line 2: "high" is no F0 in Hz\.$/],
    [bytesOf('time,f0\n\nsoon,100\n'), /^Line 3: There is no time in "soon,100"\.$/],
    [bytesOf('-1,100\n'), /^Line 1: The time -1 s is outside 0–3600 s/],
    [bytesOf('0.01,100\n1e9,100\n'), /^Line 2: The time 1000000000 s is outside/],
    [bytesOf('time,f0\n'), /^There is no row with a time and an F0/],
    [bytesOf('0.01,0\n0.02,0\n'), /^There is no voiced frame in the file/],
    [tier(2, 0.1, 100, 0.1, 100), /^Line 9: The time 0\.1 s does not come after/],
    [tier(1, 0.1, 2000), /^Line 8: An F0 of 2000 Hz/],
    [tier(0), /^There is no voiced frame/],
    [tier(2_000_000_000), /^Line 6: The number of points is 2000000000; at most 720000 are read here/],
    [tier('"many"'), /^Line 6: There is the text "many" where The number of points should be/],
    [
      bytesOf('File type = "ooTextFile"\nObject class = "Intensity 2"\n'),
      /"Intensity 2" file, not a Pitch or PitchTier/,
    ],
    [fixture('long.TextGrid'), /"TextGrid" file, not a Pitch or PitchTier/],
    [fixture('long.Pitch').subarray(0, 3000), /^Line \d+: The file ends where/],
  ]
  for (const [bytes, sentence] of cases) assert.match(refusal(bytes), sentence)
})

test('hostile files are refused in linear time', () => {
  const head = 'File type = "ooTextFile"\nObject class = "Pitch 1"\n0 1 '
  const hostile: [string, string][] = [
    ['a thousand million frames', `${head}1000000000 0.01 0.02 600 15`],
    ['frames without end', `${head}100000 0.00001 0.02 600 15`],
    ['a million candidates', `${head}1 0.01 0.02 600 15 1 1000000 100 1`],
    ['4 MB of one row', 'x,'.repeat(2_000_000)],
    ['4 MB of blanks', `0.1,${' '.repeat(4_000_000)}x`],
    ['4 MB of quotation marks', '"'.repeat(4_000_000)],
    ['half a million rows', Array.from({ length: 450_000 }, (_, i) => `${(i / 500).toFixed(3)},`).join('\n')],
  ]
  for (const [name, text] of hostile) {
    const bytes = bytesOf(text)
    const before = process.cpuUsage()
    assert.notEqual(refusal(bytes), 'accepted', name)
    const { user } = process.cpuUsage(before)
    assert.ok(user < 3_000_000, `${name} took ${user / 1000} ms of the processor`)
  }
})

test('a contour holds no more frames than its time allows, however dense its points are', () => {
  const rows = Array.from({ length: 1000 }, (_, i) => `${i * 1e-6},100`)
  const { f0Hz, stepS } = parse(`${rows.join('\n')}\n3600,100\n`)
  assert.ok(f0Hz.length <= 720_001 && stepS >= 0.005)
})
