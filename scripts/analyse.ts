/**
 * `npm run analyse -- <file …>`: the analysis engine alone on local files, one after the other in this process.
 * Results go to stdout or into a folder, what people read to stderr. Exit 0, 1 when a file failed, 2 for a wrong call.
 */
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { analyse, HIGHEST_RATE_HZ } from '../src/analysis/analyse.ts'
import { compare } from '../src/analysis/compare.ts'
import type { CreateRealFft } from '../src/analysis/fft.ts'
import { parseReference, type Reference } from '../src/analysis/reference.ts'
import { MAX_REFERENCE_BYTES } from '../src/analysis/reference-text.ts'
import { formatResultCsv } from '../src/analysis/result-csv.ts'
import { formatResultPitchTier } from '../src/analysis/result-pitchtier.ts'
import { formatResultSvg } from '../src/analysis/result-svg.ts'
import { formatResultTextGrid } from '../src/analysis/result-textgrid.ts'
import type { Sound } from '../src/analysis/sound.ts'
import { AppError, toAppError } from '../src/domain/errors.ts'
import { type Result, toResult } from '../src/domain/result.ts'
import { decodeFile } from '../src/media/decode.ts'
import { loadFft } from '../src/media/fft.ts'
import { type Call, outputName, parseCall, USAGE, WrongCall } from './analyse/call.ts'

/** As the service's own default. */
const MAX_DURATION_S = 3600

type Format = (result: Result, reference: Reference | null, sound: Sound) => string

const FORMATTERS: Readonly<Record<Call['format'], Format>> = {
  json: (result) => `${JSON.stringify(result)}\n`,
  csv: formatResultCsv,
  textgrid: (result, reference) => formatResultTextGrid(result, reference?.textGrid ?? null),
  pitchtier: formatResultPitchTier,
  svg: (result, reference, sound) => formatResultSvg(result, { reference: reference?.pitch ?? null, sound }),
}

/** A file that was given as reference and cannot be used. */
class UnusableReference extends Error {}

/** Analyses one file after the other; answers how many failed. */
async function analyseAll(call: Call): Promise<number> {
  const { files, format, outDir } = call
  const createFft = await loadFft()
  const reference = await readReference(call, createFft)
  const mode = call.mode ?? reference?.mode ?? 'robust'
  if (outDir !== undefined) await mkdir(outDir, { recursive: true })
  let failed = 0
  for (const file of files) {
    try {
      const { sound, analysis } = await analyseRecording(file, mode, createFft)
      const comparison = reference === null ? undefined : compare(analysis, reference)
      const text = FORMATTERS[format](toResult({ jobId: null, tokenId: null, comparison }, analysis), reference, sound)
      if (outDir === undefined) process.stdout.write(text)
      else await writeFile(join(outDir, outputName(file, format)), text)
    } catch (error) {
      failed++
      console.error(`${file}: ${reasonOf(error)}`)
    }
  }
  return failed
}

async function analyseRecording(path: string, mode: 'robust' | 'praat', createFft: CreateRealFft) {
  const options = { maxDurationS: MAX_DURATION_S, highestRateHz: HIGHEST_RATE_HZ[mode], createFft }
  const recording = await decodeFile(path, options)
  return { sound: recording.sound, analysis: analyse(recording, { createFft, pitch: { mode } }) }
}

/** Null when none was given; throws `UnusableReference`, because without it every result would lack what was asked for. */
async function readReference(call: Call, createFft: CreateRealFft): Promise<Reference | null> {
  const { referenceAudio, textGrid, pitch, mode = 'robust' } = call
  if (referenceAudio === undefined && pitch === undefined) return null
  const fromFile = async <T>(path: string | undefined, read: (path: string) => Promise<T>): Promise<T | null> => {
    if (path === undefined) return null
    return read(path).catch((error: unknown) => {
      throw new UnusableReference(`${path}: ${reasonOf(error)}`)
    })
  }
  const audio = await fromFile(referenceAudio, (path) => analyseRecording(path, mode, createFft))
  const labels = await fromFile(textGrid, async (path) => parseReference({ textGrid: await readCapped(path) }))
  const melody = await fromFile(pitch, async (path) => parseReference({ pitch: await readCapped(path) }))
  const tracked = audio === null ? null : { pitch: audio.analysis.pitch, mode }
  return { pitch: null, mode, ...tracked, ...melody, textGrid: labels?.textGrid ?? null }
}

async function readCapped(path: string): Promise<Uint8Array> {
  const { size } = await stat(path)
  if (size <= MAX_REFERENCE_BYTES) return readFile(path)
  throw new AppError('reference-invalid', `The file has ${size} bytes, more than ${MAX_REFERENCE_BYTES}.`)
}

function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  if (code === 'ENOENT') return 'There is no such file.'
  if (code === 'EISDIR') return 'This is a folder.'
  if (code === 'EACCES') return 'The file may not be read or written.'
  const appError = toAppError(error, 'analysis-failed', message)
  return appError.detail
}

async function main(args: readonly string[]): Promise<number> {
  try {
    const call = parseCall(args)
    if (call !== 'help') return (await analyseAll(call)) === 0 ? 0 : 1
    console.log(`Usage: ${USAGE}`)
    return 0
  } catch (error) {
    if (error instanceof UnusableReference) console.error(error.message)
    else if (error instanceof WrongCall) console.error(`${error.message}\nUsage: ${USAGE}`)
    else throw error
    return error instanceof WrongCall ? 2 : 1
  }
}

if (import.meta.main) process.exitCode = await main(process.argv.slice(2))
