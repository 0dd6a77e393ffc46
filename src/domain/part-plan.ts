/** How a recording of known size goes to S3: whole up to 8 MiB, above that in parts, of which S3 takes 10,000. */

const MIB = 1024 * 1024
const PART_BYTES = 8 * MIB
const MOST_PARTS = 10_000

export interface PartPlan {
  readonly method: 'put' | 'parts'
  /** Of every part but the last. */
  readonly partSizeBytes: number
  readonly count: number
}

export function planParts(sizeBytes: number): PartPlan {
  if (sizeBytes <= PART_BYTES) return { method: 'put', partSizeBytes: sizeBytes, count: 1 }
  const partSizeBytes = Math.max(PART_BYTES, Math.ceil(sizeBytes / MOST_PARTS / MIB) * MIB)
  return { method: 'parts', partSizeBytes, count: Math.ceil(sizeBytes / partSizeBytes) }
}

/** The bytes of one part, numbered from 1. */
export function sizeOfPart({ partSizeBytes }: PartPlan, sizeBytes: number, partNumber: number): number {
  return Math.min(partSizeBytes, sizeBytes - (partNumber - 1) * partSizeBytes)
}
