/** What the command works on; here by a running API, in `cutover-stores.ts` in the stores themselves. */
import type { CutoverComparisonView } from '../../src/http/cutover-comparison-schemas.ts'
import type { CutoverChangeRequest, CutoverStateView, CutoverView } from '../../src/http/cutover-schemas.ts'
import type { ApiClient } from '../keys/api-client.ts'

/** A running API compares the routes too. */
export type ReadCutover = CutoverView & Partial<CutoverComparisonView>

export interface CutoverAccess {
  read(before?: number): Promise<ReadCutover>
  /** Without the comparison: whoever goes back waits for no figures. */
  readFlag(): Promise<ReadCutover>
  put(request: CutoverChangeRequest): Promise<CutoverStateView>
  /** When a change is known everywhere, for a person. */
  readonly spread: string
  close(): Promise<void>
}

const PATH = '/v1/admin/cutover'

export function cutoverOverHttp(call: ApiClient): CutoverAccess {
  return {
    read: async (before) =>
      (await call('GET', PATH, { query: before === undefined ? {} : { before: String(before) } })) as ReadCutover,
    readFlag: async () => (await call('GET', PATH, { query: { figures: 'false' } })) as ReadCutover,
    put: async (body) => (await call('PUT', PATH, { body })) as CutoverStateView,
    spread: 'New jobs go by it everywhere within a second; within 5 s while Redis is down.',
    close: async () => {},
  }
}
