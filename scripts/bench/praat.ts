/** What Praat says of files: run from outside, in one go for all of them. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Stretch } from '../../src/analysis/pauses.ts'
import { run } from './programs.ts'

export interface PraatTrack {
  readonly startS: number
  readonly stepS: number
  readonly values: Float64Array
}

export interface PraatFigures {
  /** F0 in Hz; 0 where unvoiced. */
  readonly pitch: PraatTrack
  /** In dB. */
  readonly intensity: PraatTrack
  readonly stretches: readonly Stretch[]
}

const CEILING_HZ = 600
const PITCH = `To Pitch (ac): 0, 75, 15, "no", 0.03, 0.45, 0.01, 0.35, 0.14, ${CEILING_HZ}`

const FIGURES_SCRIPT = `form Figures of many sounds
  sentence list
endform
files = Read Strings from raw text file: list$
count = Get number of strings
for file to count
  selectObject: files
  path$ = Get string: file
  sound = Read from file: path$
  pitch = noprogress ${PITCH}
  start = Get time from frame number: 1
  step = Get time step
  writeFileLine: path$ + ".times", fixed$ (start, 12), " ", fixed$ (step, 12)
  matrix = To Matrix
  Save as headerless spreadsheet file: path$ + ".pitch"
  selectObject: sound
  intensity = noprogress To Intensity: 100, 0, "yes"
  start = Get time from frame number: 1
  step = Get time step
  appendFileLine: path$ + ".times", fixed$ (start, 12), " ", fixed$ (step, 12)
  second = Down to Matrix
  Save as headerless spreadsheet file: path$ + ".intensity"
  selectObject: intensity
  grid = noprogress To TextGrid (silences): -25, 0.1, 0.1, "silent", "sounding"
  writeFile: path$ + ".stretches", ""
  intervals = Get number of intervals: 1
  for i to intervals
    begin = Get start time of interval: 1, i
    finish = Get end time of interval: 1, i
    label$ = Get label of interval: 1, i
    appendFileLine: path$ + ".stretches", fixed$ (begin, 9), " ", fixed$ (finish, 9), " ", label$
  endfor
  removeObject: sound, pitch, matrix, intensity, second, grid
endfor
`

const TRACK_SCRIPT = `form Pitch of one sound
  sentence file
  sentence result
endform
sound = Read from file: file$
pitch = To Pitch (ac): ${PITCH.split(': ')[1]}
Save as binary file: result$
`

/** The figures of WAV files in `folder`, in their order; other files are written beside them. */
export async function praatFigures(folder: string, paths: readonly string[]): Promise<PraatFigures[]> {
  const script = join(folder, 'figures.praat')
  const list = join(folder, 'files.txt')
  writeFileSync(script, FIGURES_SCRIPT)
  writeFileSync(list, `${paths.join('\n')}\n`)
  await run('praat', ['--run', script, list])
  return paths.map(readFigures)
}

/** Milliseconds that the command line takes for the pitch of one file: start, read, track, save. */
export async function praatPitchMs(folder: string, path: string): Promise<number> {
  const script = join(folder, 'track.praat')
  writeFileSync(script, TRACK_SCRIPT)
  const began = performance.now()
  await run('praat', ['--run', script, path, `${path}.Pitch`])
  return performance.now() - began
}

function readFigures(path: string): PraatFigures {
  const [pitchTimes, intensityTimes] = rowsOf(`${path}.times`)
  const stretches = rowsOf(`${path}.stretches`).map(([startS, endS, label]) => ({
    startS: Number(startS),
    endS: Number(endS),
    sounding: label === 'sounding',
  }))
  const f0Hz = numbersOf(`${path}.pitch`).map((f0) => (f0 < CEILING_HZ ? f0 : 0))
  return {
    pitch: { startS: Number(pitchTimes![0]), stepS: Number(pitchTimes![1]), values: f0Hz },
    intensity: {
      startS: Number(intensityTimes![0]),
      stepS: Number(intensityTimes![1]),
      values: numbersOf(`${path}.intensity`),
    },
    stretches,
  }
}

function rowsOf(path: string): string[][] {
  return readFileSync(path, 'utf8')
    .trim()
    .split('\n')
    .map((line) => line.split(/\s+/))
}

function numbersOf(path: string): Float64Array {
  return Float64Array.from(rowsOf(path).flat(), Number)
}
