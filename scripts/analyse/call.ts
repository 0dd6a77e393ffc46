/** The command line of `npm run analyse`, read and checked before anything is analysed. */
import { basename, extname, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'

export const USAGE =
  'npm run analyse -- <file …> [--mode robust|praat] [--format json|csv|textgrid|pitchtier|svg] ' +
  '[--reference-audio f] [--textgrid f] [--pitch f] [--out dir]'

export const MODES = ['robust', 'praat'] as const
export const FORMATS = ['json', 'csv', 'textgrid', 'pitchtier', 'svg'] as const
/** Of these several in a row on stdout are still of use. */
const FORMATS_IN_A_ROW: readonly string[] = ['json', 'csv']

export interface Call {
  readonly files: readonly string[]
  /** Undefined: that of the reference, or robust. */
  readonly mode: (typeof MODES)[number] | undefined
  readonly format: (typeof FORMATS)[number]
  readonly referenceAudio: string | undefined
  readonly textGrid: string | undefined
  readonly pitch: string | undefined
  readonly outDir: string | undefined
}

/** A call that cannot be meant; its message is a sentence for the one who made it. */
export class WrongCall extends Error {}

/** Reads the command line; throws `WrongCall`. */
export function parseCall(args: readonly string[]): Call | 'help' {
  const { values, positionals } = parseOptions(args)
  if (values.help) return 'help'
  const { mode, format, out, textgrid, pitch, 'reference-audio': referenceAudio } = values
  if (mode !== undefined) refuseUnknown('mode', mode, MODES)
  refuseUnknown('format', format, FORMATS)
  if (positionals.length === 0) throw new WrongCall('Name at least one recording.')
  if (textgrid !== undefined && referenceAudio === undefined && pitch === undefined) {
    throw new WrongCall('A TextGrid alone has no melody: add --reference-audio or --pitch.')
  }
  const call = { files: positionals, mode, format, referenceAudio, textGrid: textgrid, pitch, outDir: out } as Call
  if (out !== undefined) refuseOverwriting(call, out)
  else if (positionals.length > 1 && !FORMATS_IN_A_ROW.includes(format)) {
    throw new WrongCall(`Several recordings as ${format} need a folder: add --out.`)
  }
  return call
}

export function outputName(file: string, format: string): string {
  return `${basename(file, extname(file))}.${format}`
}

function parseOptions(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        mode: { type: 'string' },
        format: { type: 'string', default: 'json' },
        'reference-audio': { type: 'string' },
        textgrid: { type: 'string' },
        pitch: { type: 'string' },
        out: { type: 'string' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    })
  } catch (error) {
    // The rest of Node's message is about arguments that begin with a dash.
    throw new WrongCall(`${(error as Error).message.split('. ')[0]}.`)
  }
}

function refuseUnknown(what: string, value: string, known: readonly string[]): void {
  if (known.includes(value)) return
  throw new WrongCall(`There is no ${what} "${value}": take ${known.slice(0, -1).join(', ')} or ${known.at(-1)}.`)
}

/** Neither one result over another, nor one over what was given to read. */
function refuseOverwriting({ files, format, ...call }: Call, outDir: string): void {
  const given = [...files, call.referenceAudio, call.textGrid, call.pitch].filter((file) => file !== undefined)
  const inputs = new Map(given.map((file) => [resolve(file), file]))
  const seen = new Map<string, string>()
  for (const file of files) {
    const name = outputName(file, format)
    const other = seen.get(name)
    if (other !== undefined) throw new WrongCall(`${other} and ${file} would both be written to ${name}.`)
    const input = inputs.get(resolve(join(outDir, name)))
    if (input !== undefined) throw new WrongCall(`The result of ${file} would be written over ${input}.`)
    seen.set(name, file)
  }
}
