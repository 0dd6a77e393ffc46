/** The command line of `npm run analyse`, run as a process. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { parseCall, WrongCall } from '../../../scripts/analyse.ts'

const root = join(import.meta.dirname, '../../..')
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

test('a call that cannot be meant exits with 2, before anything is analysed', () => {
  const { status, stdout, stderr } = run(recording('queue-en'), '--format', 'svg')
  assert.deepEqual([status, stdout], [2, ''])
  assert.match(stderr, /There is no format "svg": take json or csv\.\nUsage: npm run analyse/)
})

test('each call that cannot be meant is explained in a sentence', () => {
  const cases: [string[], RegExp][] = [
    [[], /Name at least one recording\./],
    [['--format', 'svg', 'a.wav'], /There is no format "svg": take json or csv\./],
    [['--format', 'toString', 'a.wav'], /There is no format "toString"/],
    [['--mode', 'yin', 'a.wav'], /There is no mode "yin": take robust or praat\./],
    [['--colour', 'a.wav'], /Unknown option '--colour'\./],
    [['a.wav', '--out'], /--out/],
    [['a/x.wav', 'b/x.flac', '--out', 'out'], /a\/x\.wav and b\/x\.flac would both be written to x\.json\./],
  ]
  for (const [args, sentence] of cases) {
    assert.throws(
      () => parseCall(args),
      (error) => error instanceof WrongCall && sentence.test(error.message),
      args.join(' '),
    )
  }
})
