/**
 * Accepted uploads per second with everything on, against the bare server on the same S3. Both are warmed up, their
 * first rounds are thrown away, and then they take turns; the figure is the median of the ratios of neighbours.
 */
import type { Figures } from './figures.ts'
import { type Form, KIB, uploadOf } from './upload-recording.ts'
import { benchKey, type UploadStack } from './upload-stack.ts'
import { openWire } from './upload-wire.ts'

const FILE_BYTES = 160 * KIB
const AT_ONCE = 16
const WARM_UP = 1500
const PER_ROUND = 600
const PAIRS = 7
const TARGET = 0.8

export async function reportAcceptRate(stack: UploadStack, figures: Figures): Promise<void> {
  const api = await stack.startApi(stack.s3)
  const bare = await stack.startBare()
  const rate = (url: string, uploads: number) => uploadsPerSecond(url, { form: 'multipart', uploads })
  try {
    for (const url of [bare.url, api.url]) await rate(url, WARM_UP)
    const pairs: { bare: number; api: number }[] = []
    for (let pair = 0; pair < PAIRS; pair++) {
      pairs.push({ bare: await rate(bare.url, PER_ROUND), api: await rate(api.url, PER_ROUND) })
    }
    const ratios = pairs.map((pair) => pair.api / pair.bare)
    figures.add(
      { name: 'accept-ratio', value: median(ratios), unit: 'ratio', target: TARGET, bound: 'least' },
      {
        api_per_s: Math.round(median(pairs.map((pair) => pair.api))),
        bare_per_s: Math.round(median(pairs.map((pair) => pair.bare))),
        lowest: round(Math.min(...ratios)),
        highest: round(Math.max(...ratios)),
        pairs: PAIRS,
        uploads_per_round: PER_ROUND,
        postgres: 'fsync off',
        bare: 'fastify, @fastify/multipart, Upload of @aws-sdk/lib-storage with its defaults',
      },
    )
  } finally {
    await bare.stop()
    await api.stop()
  }
}

/** Throws when one is not accepted: a rate of refusals is no figure. */
async function uploadsPerSecond(url: string, { form, uploads }: { form: Form; uploads: number }): Promise<number> {
  let next = 0
  const startedAt = performance.now()
  const client = async (): Promise<void> => {
    const wire = openWire(url)
    while (next < uploads) {
      next += 1
      const answer = await wire.send(uploadOf({ form, bytes: FILE_BYTES, key: benchKey(next) }))
      if (answer?.status !== 202) throw new Error(`an upload was not accepted: ${answer?.status} ${answer?.body}`)
    }
    wire.close()
  }
  await Promise.all(Array.from({ length: AT_ONCE }, client))
  return (uploads * 1000) / (performance.now() - startedAt)
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return ((sorted[(sorted.length - 1) >> 1] ?? 0) + (sorted[sorted.length >> 1] ?? 0)) / 2
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000
}
