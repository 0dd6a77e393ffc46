/**
 * `npm run analyse -- <file …>`: the analysis engine alone on local files, one after the other in this process.
 * Results go to stdout or into a folder, what people read to stderr. Exit 0, 1 when a file failed, 2 for a wrong call.
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { basename, extname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { formatResultCsv } from '../src/analysis/result-csv.ts'
import { toAppError } from '../src/domain/errors.ts'
import { type Result, toResult } from '../src/domain/result.ts'
import { analyseFile } from '../src/media/analyse-file.ts'
import { loadFft } from '../src/media/fft.ts'

const USAGE = 'npm run analyse -- <file …> [--mode robust|praat] [--format json|csv] [--out dir]'
/** As the service's own default. */
const MAX_DURATION_S = 3600

const FORMATS = {
  json: (result: Result) => `${JSON.stringify(result)}\n`,
  csv: formatResultCsv,
} as const
const MODES = ['robust', 'praat'] as const

interface Call {
  readonly files: readonly string[]
  readonly mode: (typeof MODES)[number]
  readonly format: keyof typeof FORMATS
  readonly outDir: string | undefined
}

/** A call that cannot be meant; its message is a sentence for the one who made it. */
export class WrongCall extends Error {}

/** Reads the command line; throws `WrongCall`. */
export function parseCall(args: readonly string[]): Call | 'help' {
  const { values, positionals } = parseOptions(args)
  if (values.help) return 'help'
  const { mode, format, out } = values
  if (!MODES.includes(mode as Call['mode'])) throw new WrongCall(`There is no mode "${mode}": take robust or praat.`)
  if (!Object.hasOwn(FORMATS, format)) throw new WrongCall(`There is no format "${format}": take json or csv.`)
  if (positionals.length === 0) throw new WrongCall('Name at least one recording.')
  const call = { files: positionals, mode, format, outDir: out } as Call
  if (out !== undefined) refuseEqualNames(call)
  return call
}

function parseOptions(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        mode: { type: 'string', default: 'robust' },
        format: { type: 'string', default: 'json' },
        out: { type: 'string' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    })
  } catch (error) {
    // The rest of Node's message is about arguments that begin with a dash.
    throw new WrongCall(`${(error as Error).message.split('. ')[0]}.`)
  }
}

function refuseEqualNames({ files, format }: Call): void {
  const seen = new Map<string, string>()
  for (const file of files) {
    const name = outputName(file, format)
    const other = seen.get(name)
    if (other !== undefined) throw new WrongCall(`${other} and ${file} would both be written to ${name}.`)
    seen.set(name, file)
  }
}

function outputName(file: string, format: string): string {
  return `${basename(file, extname(file))}.${format}`
}

/** Analyses one file after the other; answers how many failed. */
async function analyseAll({ files, mode, format, outDir }: Call): Promise<number> {
  if (outDir !== undefined) await mkdir(outDir, { recursive: true })
  const createFft = await loadFft()
  let failed = 0
  for (const file of files) {
    try {
      const analysis = await analyseFile(file, { createFft, mode, maxDurationS: MAX_DURATION_S })
      const text = FORMATS[format](toResult({ jobId: null, tokenId: null }, analysis))
      if (outDir === undefined) process.stdout.write(text)
      else await writeFile(join(outDir, outputName(file, format)), text)
    } catch (error) {
      failed++
      console.error(`${file}: ${reasonOf(error)}`)
    }
  }
  return failed
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
    if (!(error instanceof WrongCall)) throw error
    console.error(`${error.message}\nUsage: ${USAGE}`)
    return 2
  }
}

if (import.meta.main) process.exitCode = await main(process.argv.slice(2))
