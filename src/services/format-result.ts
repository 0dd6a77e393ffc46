/** A result in the form somebody asked for; what needs the reference reads it from where the job has it. */
import { parsePitchFile } from '../analysis/pitch-file.ts'
import { formatResultCsv } from '../analysis/result-csv.ts'
import { formatResultPitchTier } from '../analysis/result-pitchtier.ts'
import { formatResultSvg } from '../analysis/result-svg.ts'
import { formatResultTextGrid } from '../analysis/result-textgrid.ts'
import { parseTextGrid } from '../analysis/text-grid.ts'
import type { Job } from '../domain/job.ts'
import type { Result } from '../domain/result.ts'
import type { Ports, StoredResult } from '../ports.ts'
import { readComputedPitch, readObject } from './read-reference.ts'

export const RESULT_FORMATS = ['json', 'csv', 'textgrid', 'pitchtier', 'svg'] as const
export type ResultFormat = (typeof RESULT_FORMATS)[number]

export const RESULT_TYPES: Readonly<Record<ResultFormat, string>> = {
  json: 'application/json; charset=utf-8',
  csv: 'text/csv; charset=utf-8',
  textgrid: 'text/plain; charset=utf-8',
  pitchtier: 'text/plain; charset=utf-8',
  svg: 'image/svg+xml; charset=utf-8',
}

/** Throws `object-not-found` when a part of it is no longer kept. */
export async function formatResult(
  ports: Pick<Ports, 'objects'>,
  job: Job,
  stored: StoredResult,
  format: Exclude<ResultFormat, 'json'>,
): Promise<string> {
  const json = 'json' in stored ? stored.json : Buffer.from(await readObject(ports, stored.objectKey)).toString()
  const result = JSON.parse(json) as Result
  switch (format) {
    case 'csv':
      return formatResultCsv(result)
    case 'pitchtier':
      return formatResultPitchTier(result)
    case 'textgrid':
      return formatResultTextGrid(result, await textGridOf(ports, job))
    case 'svg':
      return formatResultSvg(result, { reference: await pitchOf(ports, job) })
    default:
      throw new Error(`unhandled format ${format satisfies never}`)
  }
}

async function textGridOf(ports: Pick<Ports, 'objects'>, { reference }: Job) {
  return reference?.textgridKey ? parseTextGrid(await readObject(ports, reference.textgridKey)) : null
}

async function pitchOf(ports: Pick<Ports, 'objects'>, job: Job) {
  const { pitchKey } = job.reference ?? {}
  const bytes = pitchKey ? await readObject(ports, pitchKey) : await readComputedPitch(ports, job)
  return bytes === null ? null : parsePitchFile(bytes)
}
