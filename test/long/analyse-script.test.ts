/** The command line of `npm run analyse`, run as a process. */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { parseCall, WrongCall } from '../../scripts/analyse/call.ts'
import { parseTextGrid } from '../../src/analysis/text-grid.ts'
import { formatTextGrid } from '../../src/analysis/text-grid-writer.ts'

const root = join(import.meta.dirname, '../..')
const script = join(root, 'scripts/analyse.ts')
const recording = (name: string) => join(root, `examples/recordings/${name}.wav`)
const folder = mkdtempSync(join(tmpdir(), 'tonewire-analyse-'))
after(() => rmSync(folder, { recursive: true }))

function run(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, ...args], { encoding: 'utf8', cwd: folder })
  return { status, stdout, stderr }
}

test('several files give a line of JSON each, in order', () => {
  const { status, stdout, stderr } = run(recording('queue-en'), recording('number-it'))
  assert.deepEqual([status, stderr], [0, ''])
  const results = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
  assert.deepEqual(
    results.map(({ version, job_id, duration_s }) => [version, job_id, duration_s]),
    [
      [1, null, 5.362],
      [1, null, 4.441],
    ],
  )
  assert.ok(results.every(({ pitch }) => pitch.mode === 'robust' && pitch.median_hz > 100 && pitch.median_hz < 300))
})

test('a folder takes a file per recording, in the format and mode asked for', () => {
  const out = join(folder, 'out')
  const args = [recording('queue-en'), recording('number-fr'), '--format', 'csv', '--mode', 'praat', '--out', out]
  assert.deepEqual(run(...args), { status: 0, stdout: '', stderr: '' })
  assert.deepEqual(readdirSync(out).toSorted(), ['number-fr.csv', 'queue-en.csv'])
  assert.match(readFileSync(join(out, 'queue-en.csv'), 'utf8'), /^time_s,f0_hz,intensity_db\n0\.021000,/)
})

test('a file that fails says why, the others are analysed, and the exit is 1', () => {
  const { status, stdout, stderr } = run(script, join(folder, 'missing.wav'), folder, recording('number-fr'))
  assert.equal(status, 1)
  assert.equal(stdout.split('\n').length, 2)
  assert.match(stderr, /analyse\.ts: The file is not a recording/)
  assert.match(stderr, /missing\.wav: There is no such file\./)
  assert.match(stderr, /: This is a folder\./)
})

test('a recording against a reference has a score, and a file of each kind is written', () => {
  const grid = join(folder, 'queue.TextGrid')
  const intervals = [
    { startS: 0, endS: 1.9, label: 'Your call is now first in line' },
    { startS: 1.9, endS: 5.362, label: 'and will be answered' },
  ]
  const tiers = [{ kind: 'intervals' as const, name: 'phrases', intervals }]
  writeFileSync(grid, formatTextGrid({ startS: 0, endS: 5.362, tiers }))
  const reference = ['--reference-audio', recording('queue-en'), '--textgrid', grid]
  const { status, stdout, stderr } = run(recording('queue-en'), recording('number-fr'), ...reference)
  assert.deepEqual([status, stderr], [0, ''])
  const [same, other] = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line).comparison)
  assert.deepEqual([same.score, same.intervals[1].label], [100, 'and will be answered'])
  assert.ok(other.score < 45 && other.intervals.length === 2)
  const out = join(folder, 'all')
  for (const format of ['textgrid', 'pitchtier', 'svg']) {
    assert.equal(run(recording('queue-en'), ...reference, '--format', format, '--out', out).status, 0)
  }
  assert.deepEqual(parseTextGrid(readFileSync(join(out, 'queue-en.textgrid'))).tiers[0], tiers[0])
  assert.match(
    readFileSync(join(out, 'queue-en.pitchtier'), 'utf8'),
    /^File type = "ooTextFile"\nObject class = "PitchTier"/,
  )
  assert.match(readFileSync(join(out, 'queue-en.svg'), 'utf8'), />Your call is now first in line</)
})

test('a pitch file is reference enough, and what is wrong with one is said before anything is analysed', () => {
  const out = join(folder, 'pitch')
  run(recording('queue-en'), '--format', 'pitchtier', '--mode', 'praat', '--out', out)
  const good = run(recording('queue-en'), '--pitch', join(out, 'queue-en.pitchtier'))
  const { comparison, pitch } = JSON.parse(good.stdout)
  assert.deepEqual([comparison.score, pitch.mode], [100, 'praat'])
  const bad = join(folder, 'bad.csv')
  writeFileSync(bad, 'time,f0\n0.1,100\n0.05,100\n')
  assert.deepEqual(run(recording('queue-en'), '--pitch', bad), {
    status: 1,
    stdout: '',
    stderr: `${bad}: Line 3: The time 0.05 s does not come after the one before, 0.1 s.\n`,
  })
  assert.match(
    run(recording('queue-en'), '--reference-audio', 'none.wav').stderr,
    /^none\.wav: There is no such file\.\n$/,
  )
})

test('a pipe is not waited for, neither as recording nor as reference, and the others are analysed', () => {
  const pipe = join(folder, 'pipe.wav')
  execFileSync('mkfifo', [pipe])
  const { status, stdout, stderr } = run(pipe, '/dev/null', recording('number-fr'))
  assert.deepEqual([status, stdout.split('\n').length], [1, 2])
  const sentence = 'This is a pipe or a device, not a file.'
  assert.equal(stderr, `${pipe}: ${sentence}\n/dev/null: ${sentence}\n`)
  const references = run(recording('number-fr'), '--reference-audio', pipe)
  assert.deepEqual([references.status, references.stderr], [1, `${pipe}: ${sentence}\n`])
})

test('a place that is no folder is refused in a sentence, before anything is analysed', () => {
  const file = join(folder, 'file')
  writeFileSync(file, '')
  for (const out of ['/dev/null', file, join(file, 'below')]) {
    const { status, stdout, stderr } = run(recording('number-fr'), '--out', out)
    assert.deepEqual([status, stdout], [2, ''])
    assert.equal(stderr.split('\n')[0], `--out: ${out} is not a folder.`)
    assert.doesNotMatch(stderr, /\n {4}at /)
  }
})

test('a result that cannot be written is a sentence, and the others are written', () => {
  const out = join(folder, 'taken')
  mkdirSync(join(out, 'number-fr.csv'), { recursive: true })
  const { status, stderr } = run(recording('number-fr'), recording('number-it'), '--format', 'csv', '--out', out)
  assert.deepEqual([status, stderr], [1, `${recording('number-fr')}: This is a folder.\n`])
  assert.match(readFileSync(join(out, 'number-it.csv'), 'utf8'), /^time_s/)
})

test('a call that cannot be meant exits with 2, before anything is analysed', () => {
  const { status, stdout, stderr } = run(recording('queue-en'), '--format', 'png')
  assert.deepEqual([status, stdout], [2, ''])
  assert.match(stderr, /There is no format "png": take json, csv, textgrid, pitchtier or svg\.\nUsage: npm run analyse/)
})

test('each call that cannot be meant is explained in a sentence', () => {
  const cases: [string[], RegExp][] = [
    [[], /Name at least one recording\./],
    [['--format', 'png', 'a.wav'], /There is no format "png": take json, csv, textgrid, pitchtier or svg\./],
    [['--format', 'toString', 'a.wav'], /There is no format "toString"/],
    [['--mode', 'yin', 'a.wav'], /There is no mode "yin": take robust or praat\./],
    [['--colour', 'a.wav'], /Unknown option '--colour'\./],
    [['a.wav', '--out'], /--out/],
    [['a/x.wav', 'b/x.flac', '--out', 'out'], /a\/x\.wav and b\/x\.flac would both be written to x\.json\./],
    [['--textgrid', 'x.TextGrid', 'a.wav'], /A TextGrid alone has no melody: add --reference-audio or --pitch\./],
    [['--format', 'svg', 'a.wav', 'b.wav'], /Several recordings as svg need a folder: add --out\./],
    [
      ['x.wav', '--format', 'textgrid', '--out', '.', '--pitch', 'y', '--textgrid', './x.textgrid'],
      /The result of x\.wav would be written over \.\/x\.textgrid\./,
    ],
  ]
  for (const [args, sentence] of cases) {
    assert.throws(
      () => parseCall(args),
      (error) => error instanceof WrongCall && sentence.test(error.message),
      args.join(' '),
    )
  }
})
