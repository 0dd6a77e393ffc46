import type { TimelineRow } from '../../src/domain/timeline.ts'
import type { Ports } from '../../src/ports.ts'

/** A job's hops, oldest first: `hop outcome attempt`, and in brackets what was written beside. */
export async function hopsOf(
  { timeline }: Pick<Ports, 'timeline'>,
  { jobId }: { readonly jobId: string },
): Promise<string[]> {
  return (await timeline.read(jobId)).map(toLine)
}

function toLine({ hop, outcome, attempt, detail }: TimelineRow): string {
  return `${hop} ${outcome} ${attempt}${detail === null ? '' : ` (${detail})`}`
}
