/**
 * The front door: how fast it accepts, what large uploads cost, where its limits are, and what is left of uploads that
 * break off and of requests that nobody should send. Workers are stopped; every store is a process of its own.
 */
import type { Figures } from './figures.ts'
import { reportHostileRequests } from './upload-hostile.ts'
import { reportLargeUploads } from './upload-large.ts'
import { reportLimits } from './upload-limits.ts'
import { reportAcceptRate } from './upload-rate.ts'
import { startUploadStack, type UploadStack } from './upload-stack.ts'

type Part = (stack: UploadStack, figures: Figures, seed: number) => Promise<void>

const PARTS: Readonly<Record<string, Part>> = {
  'accepting small recordings': reportAcceptRate,
  'a hundred large recordings at once': reportLargeUploads,
  'limits and broken uploads': reportLimits,
  'hostile requests': reportHostileRequests,
}

export async function benchUpload(figures: Figures, seed: number): Promise<void> {
  const stack = await startUploadStack()
  if (typeof stack === 'string') throw new Error(`No benchmark of uploads without PostgreSQL: ${stack}`)
  try {
    for (const [name, report] of Object.entries(PARTS)) {
      figures.say(name)
      await report(stack, figures, seed)
    }
  } finally {
    await stack.stop()
  }
}
