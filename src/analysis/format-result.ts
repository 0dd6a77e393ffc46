/** A result's JSON in another form. Pure, and as slow as the result is long: some 10 ms for each megabyte. */
import type { DerivedFormat } from '../domain/result-formats.ts'
import { formatResultCsv } from './result-csv.ts'
import { readResultFor } from './result-needs.ts'
import { formatResultPitchTier } from './result-pitchtier.ts'
import { formatResultSvg } from './result-svg.ts'
import { formatResultTextGrid } from './result-textgrid.ts'

/** @throws AppError `result-format-unavailable`, with a sentence that names what the result lacks */
export function formatResult(json: string, format: DerivedFormat): string {
  switch (format) {
    case 'csv':
      return formatResultCsv(readResultFor(json, format))
    case 'pitchtier':
      return formatResultPitchTier(readResultFor(json, format))
    case 'textgrid':
      return formatResultTextGrid(readResultFor(json, format))
    case 'svg':
      return formatResultSvg(readResultFor(json, format))
    default:
      throw new Error(`unhandled format ${format satisfies never}`)
  }
}
