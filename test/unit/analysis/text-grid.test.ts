import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { MAX_REFERENCE_BYTES } from '../../../src/analysis/reference-text.ts'
import { parseTextGrid, type TextGrid } from '../../../src/analysis/text-grid.ts'
import { formatTextGrid } from '../../../src/analysis/text-grid-writer.ts'
import { AppError } from '../../../src/domain/errors.ts'

const fixture = (name: string) => readFileSync(join(import.meta.dirname, `fixtures/praat-files/${name}.TextGrid`))
const bytesOf = (text: string) => new TextEncoder().encode(text)

const GRID: TextGrid = {
  startS: 0,
  endS: 1.5,
  tiers: [
    {
      kind: 'intervals',
      name: 'words',
      intervals: [
        { startS: 0, endS: 0.5, label: 'say "hi"' },
        { startS: 0.5, endS: 1, label: 'naïve ə 你好' },
        { startS: 1, endS: 1.5, label: 'two\nlines' },
      ],
    },
    {
      kind: 'intervals',
      name: 'phones',
      intervals: [
        { startS: 0, endS: 0.25, label: '! not a comment 3 <exists>' },
        { startS: 0.25, endS: 1.5, label: '' },
      ],
    },
    {
      kind: 'points',
      name: 'bell',
      points: [
        { timeS: 0.7, label: 'ding' },
        { timeS: 0.9, label: '' },
      ],
    },
  ],
}

/** A short-form file of one tier of intervals. */
function short(...values: (string | number)[]): Uint8Array {
  const head = ['File type = "ooTextFile"', 'Object class = "TextGrid"', '', 0, 1, '<exists>', 1]
  return bytesOf([...head, '"IntervalTier"', '"words"', 0, 1, ...values].join('\n'))
}

function refusal(bytes: Uint8Array): string {
  try {
    parseTextGrid(bytes)
  } catch (error) {
    assert.ok(error instanceof AppError && error.code === 'reference-invalid', String(error))
    return error.detail
  }
  return 'accepted'
}

for (const form of ['long', 'short', 'chronological']) {
  for (const encoding of ['', '-utf16']) {
    test(`Praat's ${form}${encoding} file is read as what it says`, () => {
      assert.deepEqual(parseTextGrid(fixture(form + encoding)), GRID)
    })
  }
}

test("Latin-1, little-endian UTF-16, a UTF-8 mark and other systems' line ends are read alike", () => {
  const [words] = parseTextGrid(fixture('long-latin1')).tiers
  assert.ok(words?.kind === 'intervals')
  assert.equal(words.intervals[1]?.label, 'naïve café')
  const text = formatTextGrid(GRID)
  assert.deepEqual(parseTextGrid(Buffer.from(`\ufeff${text}`, 'utf16le')), GRID)
  assert.deepEqual(parseTextGrid(bytesOf(`\ufeff${text}`)), GRID)
  const crlf = parseTextGrid(bytesOf(text.replaceAll('\n', '\r\n')))
  assert.deepEqual(crlf.tiers.slice(1), GRID.tiers.slice(1))
  assert.deepEqual(parseTextGrid(bytesOf(text.replaceAll('\n', '\r'))), GRID)
})

test('what is written is read back the same', () => {
  assert.deepEqual(parseTextGrid(bytesOf(formatTextGrid(GRID))), GRID)
  const odd = '"" !<\\>\t"""\u{1f600} 1.5 "IntervalTier"'
  const tiers = [{ kind: 'intervals' as const, name: odd, intervals: [{ startS: 0, endS: 1e-7, label: odd }] }]
  const grid = { startS: 0, endS: 1e-7, tiers }
  assert.deepEqual(parseTextGrid(bytesOf(formatTextGrid(grid))), grid)
})

test('small differences of rounding between intervals are mended', () => {
  const { tiers } = parseTextGrid(short(2, 0, 0.5, '"a"', 0.5004, 1, '"b"'))
  assert.ok(tiers[0]?.kind === 'intervals')
  assert.deepEqual(tiers[0].intervals[1], { startS: 0.5, endS: 1, label: 'b' })
})

test('a binary file is refused with the way out', () => {
  assert.equal(
    refusal(fixture('binary')),
    'This is a binary Praat file. Open it in Praat and choose "Save as text file…" in the Save menu.',
  )
})

test('each fault is named with its line', () => {
  const cases: [Uint8Array, RegExp][] = [
    [short(1, 0, 'x'), /^Line 14: The file ends where the end of an interval should be\.$/],
    [short(1, 0.2, 1, '"a"'), /^Line 13: interval 1 of tier "words" begins at 0\.2 s, but the tier at 0 s\.$/],
    [
      short(2, 0, 0.5, '"a"', 0.7, 1, '"b"'),
      /^Line 16: interval 2 .* begins at 0\.7 s, but the one before ends at 0\.5/,
    ],
    [short(2, 0, 0.5, '"a"', 0.4, 1, '"b"'), /^Line 16: interval 2 .* begins at 0\.4 s/],
    [short(1, 0, 0, '"a"'), /^Line 13: interval 1 .* ends at 0 s, not after its start/],
    [short(1, 0, 0.6, '"a"'), /^Line 15: The last interval of tier "words" ends at 0\.6 s, the tier at 1 s\.$/],
    [short(1, 0, '1e999', '"a"'), /^Line 14: the end of an interval is not finite/],
    [short(1, 0, '--undefined--', '"a"'), /^Line 14: the end of an interval is undefined/],
    [short(1, 0, '"a"', 1), /^Line 14: There is the text "a" where the end of an interval should be/],
    [short(1.5), /^Line 12: The size of tier "words" is 1\.5, no whole number/],
    [short(-1), /^Line 12: .* is -1, no whole number/],
    [short(1, 0, 1, '"never ends'), /^Line 15: A text begins here with a quotation mark and never ends\.$/],
    [short(1, 0, 1, `"${'x'.repeat(1001)}"`), /^Line 15: the label of an interval has 1001 characters/],
    [short('\0'), /^Line 12: There is a NUL character: this is not a text file\. Open it in Praat/],
    [bytesOf(''), /^The file is empty\.$/],
    [bytesOf('time,f0\n0,100\n'), /^Line 1: This is not a TextGrid\.$/],
    [
      bytesOf('File type = "ooTextFile"\nObject class = "Pitch 1"\n'),
      /^Line 1: This is a "Pitch 1" file, not a TextGrid/,
    ],
    [
      bytesOf(formatTextGrid(GRID).replace('0.7', '1.7')),
      /^Line 49: point 1 of tier "bell" is at 1\.7 s, outside the tier/,
    ],
    [
      bytesOf(formatTextGrid(GRID).replace('0.9', '0.6')),
      /^Line 52: point 2 of tier "bell" is at 0\.6 s, before the one/,
    ],
    [bytesOf(formatTextGrid(GRID).replace('"TextTier"', '"Tier"')), /^Line 43: There is no class of tiers "Tier"/],
  ]
  for (const [bytes, sentence] of cases) assert.match(refusal(bytes), sentence)
})

test('a TextGrid has no more labels, names and time than a result can hold', () => {
  const tier = (name: string, ...labels: string[]) =>
    `"IntervalTier" "${name}" 0 ${labels.length} ${labels.length}\n${labels.map((label, i) => `${i} ${i + 1} "${label}"\n`).join('')}`
  const grid = (endS: number, ...tiers: string[]) =>
    bytesOf(
      `File type = "ooTextFile"\nObject class = "TextGrid"\n0 ${endS} <exists> ${tiers.length}\n${tiers.join('')}`,
    )
  const many = (count: number, label: string) => Array.from({ length: count }, () => label)
  assert.equal(refusal(grid(3000, tier('a', ...many(3000, 'x')), tier('b', ...many(2000, 'y')))), 'accepted')
  assert.equal(refusal(grid(3600, tier('unlabelled', ...many(3600, '')), tier('b', ...many(3600, '')))), 'accepted')
  const cases: [Uint8Array, RegExp][] = [
    [
      grid(3000, tier('a', ...many(3000, 'x')), tier('b', ...many(2001, 'y'))),
      /^Line 5006: There are more than 5000 labelled intervals and points\.$/,
    ],
    [grid(300, tier('a', ...many(300, 'x'.repeat(1000)))), /^Line 205: The labels have more than 200000 characters/],
    [grid(1, tier('n'.repeat(201), 'x')), /^Line 4: the name of a tier has 201 characters, more than 200\.$/],
    [grid(1, tier('n', 'x'.repeat(1001))), /^Line 5: the label of an interval has 1001 characters/],
    [grid(3601, tier('a', 'x')), /^Line 3: The time 3601 s is outside 0–3600 s\.$/],
    [grid(1, '"TextTier" "a" -1 1 0\n'), /^Line 4: The time -1 s is outside/],
  ]
  for (const [bytes, sentence] of cases) assert.match(refusal(bytes), sentence)
})

test('hostile files are refused in linear time, whatever they declare', () => {
  const hostile: [string, Uint8Array][] = [
    ['a thousand million intervals', short(1_000_000_000, 0, 1, '"a"')],
    ['a thousand million tiers', bytesOf('File type = "ooTextFile"\n"TextGrid"\n0 1 <exists> 1000000000\n')],
    ['4 MB of quotation marks', short('"'.repeat(4_000_001))],
    ['4 MB of quotation marks, apart', short('" '.repeat(2_000_000))],
    ['4 MB of one word', short('x'.repeat(4_000_000))],
    ['4 MB of digits', short('1'.repeat(4_000_000))],
    ['4 MB of equals signs', short('='.repeat(4_000_000))],
    ['4 MB of comments', short('!\n'.repeat(2_000_000))],
    ['4 MB of line ends', short('\n'.repeat(4_000_000))],
    ['more bytes than are taken', new Uint8Array(MAX_REFERENCE_BYTES + 1)],
    [
      'a chronological file without end',
      bytesOf(`"Praat chronological TextGrid text file"\n0 1 1 "TextTier" "a" 0 1 ${'1 0 "" '.repeat(120_000)}`),
    ],
  ]
  for (const [name, bytes] of hostile) {
    const before = process.cpuUsage()
    assert.notEqual(refusal(bytes), 'accepted', name)
    const { user } = process.cpuUsage(before)
    assert.ok(user < 3_000_000, `${name} took ${user / 1000} ms of the processor`)
  }
})

test('no cut and no flipped byte of a file makes anything but a grid or a typed refusal', () => {
  const whole = fixture('long')
  for (let cut = 0; cut < whole.length; cut += 7) refusal(whole.subarray(0, cut))
  for (let place = 0; place < whole.length; place += 3) {
    const flipped = Uint8Array.from(whole)
    flipped[place]! ^= 0x15
    refusal(flipped)
  }
})
