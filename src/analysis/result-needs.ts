/** What each form needs of a result, and what it can do without; read before it is formatted. */
import { type Static, type TSchema, Type } from 'typebox'
import { Compile } from 'typebox/compile'
import { AppError } from '../domain/errors.ts'
import type { DerivedFormat } from '../domain/result-formats.ts'
import {
  comparisonSchema,
  durationSchema,
  intensitySchema,
  pitchSchema,
  timingSchema,
  waveformSchema,
} from '../domain/result-schema.ts'

const maybe = <T extends TSchema>(schema: T) => Type.Optional(Type.Union([schema, Type.Null()]))

const csvSchema = Type.Object({ pitch: pitchSchema, intensity: maybe(intensitySchema) })
const pitchTierSchema = Type.Object({ duration_s: durationSchema, pitch: pitchSchema })
const textGridSchema = Type.Object({
  duration_s: durationSchema,
  intensity: maybe(intensitySchema),
  comparison: maybe(comparisonSchema),
})
const svgSchema = Type.Object({
  duration_s: durationSchema,
  pitch: pitchSchema,
  intensity: maybe(intensitySchema),
  waveform: maybe(waveformSchema),
  timing: maybe(timingSchema),
  comparison: maybe(comparisonSchema),
})

/** What of a result each form is made from. */
export interface FormatInputs {
  readonly csv: Static<typeof csvSchema>
  readonly textgrid: Static<typeof textGridSchema>
  readonly pitchtier: Static<typeof pitchTierSchema>
  readonly svg: Static<typeof svgSchema>
}
export type ComparedIntervals = NonNullable<Static<typeof comparisonSchema>['intervals']>

const NEEDS: {
  readonly [Format in DerivedFormat]: { Check(value: unknown): boolean; Errors(value: unknown): Fault[] }
} = {
  csv: Compile(csvSchema),
  textgrid: Compile(textGridSchema),
  pitchtier: Compile(pitchTierSchema),
  svg: Compile(svgSchema),
}

interface Fault {
  readonly keyword: string
  readonly instancePath: string
  readonly message: string
  readonly params: object
}

/** A result's JSON as a form needs it; throws `result-format-unavailable` with what is missing or wrong. */
export function readResultFor<Format extends DerivedFormat>(json: string, format: Format): FormatInputs[Format] {
  const result = parse(json)
  const needs = NEEDS[format]
  if (needs.Check(result)) return result as FormatInputs[Format]
  throw unavailable(explain(needs.Errors(result), format))
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch (cause) {
    throw unavailable('The result is not JSON.', cause)
  }
}

/** Of several faults the one that lies deepest: a part that may be null has two, and only one is meant. */
function explain(faults: readonly Fault[], format: DerivedFormat): string {
  const depthOf = ({ instancePath }: Fault) => instancePath.split('/').length
  const fault = faults.toSorted((a, b) => depthOf(b) - depthOf(a))[0]
  if (fault === undefined) return `The result cannot be had as ${format}.`
  const path = fault.instancePath.split('/').slice(1)
  const { requiredProperties: [missing] = [] } = fault.params as { requiredProperties?: string[] }
  if (missing !== undefined) return `The result has no ${[...path, missing].join('.')}, which ${format} needs.`
  return `In the result ${path.join('.') || 'itself'} is not as ${format} needs it: it ${fault.message}.`
}

function unavailable(detail: string, cause?: unknown): AppError {
  return new AppError('result-format-unavailable', detail, { cause })
}
