/**
 * What Praat, run from outside, says of a sound. As a program of its own it writes the figures that the tests keep:
 *
 *   node test/unit/analysis/praat.ts > test/unit/analysis/fixtures/praat.json
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Sound } from '../../../src/analysis/sound.ts'
import { openFileSource } from '../../../src/media/byte-source.ts'
import { decodeWav } from '../../../src/media/decode-wav.ts'
import { encodeWav } from '../media/wav-files.ts'
import { goldenSounds } from './signals.ts'

export interface PraatFigures {
  readonly pitch: { readonly startS: number; readonly stepS: number; readonly f0Hz: readonly number[] }
  readonly intensity: { readonly startS: number; readonly stepS: number; readonly valuesDb: readonly number[] }
  readonly stretches: readonly { readonly startS: number; readonly endS: number; readonly sounding: boolean }[]
}

const SCRIPT = `form Figures of a sound
  sentence file
endform
sound = Read from file: file$
pitch = noprogress To Pitch (ac): 0, 75, 15, "no", 0.03, 0.45, 0.01, 0.35, 0.14, 600
writeInfoLine: "pitch"
frames = Get number of frames
for i to frames
  time = Get time from frame number: i
  f0 = Get value in frame: i, "Hertz"
  if f0 = undefined
    f0 = 0
  endif
  appendInfoLine: fixed$ (time, 9), " ", fixed$ (f0, 6)
endfor
selectObject: sound
intensity = noprogress To Intensity: 100, 0, "yes"
appendInfoLine: "intensity"
frames = Get number of frames
for i to frames
  time = Get time from frame number: i
  db = Get value in frame: i
  appendInfoLine: fixed$ (time, 9), " ", fixed$ (db, 5)
endfor
grid = noprogress To TextGrid (silences): -25, 0.1, 0.1, "silent", "sounding"
appendInfoLine: "stretches"
intervals = Get number of intervals: 1
for i to intervals
  begin = Get start time of interval: 1, i
  finish = Get end time of interval: 1, i
  label$ = Get label of interval: 1, i
  appendInfoLine: fixed$ (begin, 9), " ", fixed$ (finish, 9), " ", label$
endfor
`

/** Praat's version when the program is here. */
export function praatVersion(): string | undefined {
  try {
    return execFileSync('praat', ['--version'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  } catch {
    return undefined
  }
}

export function askPraat(sound: Sound): PraatFigures {
  const folder = mkdtempSync(join(tmpdir(), 'tonewire-praat-'))
  try {
    const script = join(folder, 'figures.praat')
    const wav = join(folder, 'sound.wav')
    writeFileSync(script, SCRIPT)
    writeFileSync(wav, encodeWav({ samples: sound.samples, sampleRateHz: sound.sampleRateHz }))
    const output = execFileSync('praat', ['--run', script, wav], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    return parseFigures(output)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function parseFigures(output: string): PraatFigures {
  const [, pitch, intensity, stretches] = output.split(/^(?:pitch|intensity|stretches)$/m).map((part) =>
    part
      .trim()
      .split('\n')
      .map((line) => line.split(' ')),
  )
  return {
    pitch: { ...gridOf(pitch!), f0Hz: pitch!.map(([, f0]) => Number(f0)) },
    intensity: { ...gridOf(intensity!), valuesDb: intensity!.map(([, db]) => Number(db)) },
    stretches: stretches!.map(([from, to, label]) => ({
      startS: Number(from),
      endS: Number(to),
      sounding: label === 'sounding',
    })),
  }
}

function gridOf(rows: string[][]): { startS: number; stepS: number } {
  const first = Number(rows[0]![0])
  const last = Number(rows.at(-1)![0])
  return { startS: first, stepS: Number(((last - first) / (rows.length - 1)).toFixed(9)) }
}

/** Every sound that Praat's figures are kept of, by name. */
export function soundsWithFigures(): Record<string, Sound> {
  const sounds = goldenSounds()
  for (const name of ['queue-en', 'number-fr', 'number-it']) {
    using source = openFileSource(join(import.meta.dirname, `../../../examples/recordings/${name}.wav`))
    sounds[name] = decodeWav(source, { maxDurationS: 60, highestRateHz: 48_000 }).sound
  }
  return sounds
}

export function keptFigures(): Record<string, PraatFigures> {
  return JSON.parse(readFileSync(join(import.meta.dirname, 'fixtures/praat.json'), 'utf8')).figures
}

if (import.meta.main) {
  const figures = Object.fromEntries(
    Object.entries(soundsWithFigures()).map(([name, sound]) => [name, askPraat(sound)]),
  )
  console.log(JSON.stringify({ praat: praatVersion(), figures }))
}
