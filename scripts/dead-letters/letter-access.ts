/** What the command works on; here by a running API, in `letter-stores.ts` in the stores themselves. */
import type {
  DiscardedView,
  DiscardRequest,
  LetterListView,
  LetterQuery,
  RedrivenView,
  RedriveRequest,
  WholeLetterView,
} from '../../src/http/dead-letter-schemas.ts'
import type { ApiClient } from '../keys/api-client.ts'

export interface LetterAccess {
  list(query: LetterQuery): Promise<LetterListView>
  read(letterId: string): Promise<WholeLetterView>
  redrive(request: RedriveRequest): Promise<RedrivenView>
  discard(request: DiscardRequest): Promise<DiscardedView>
  close(): Promise<void>
}

const PATH = '/v1/admin/dead-letters'

export function lettersOverHttp(call: ApiClient): LetterAccess {
  return {
    list: async (given) => {
      const query = Object.fromEntries(Object.entries(given).map(([name, value]) => [name, String(value)]))
      return (await call('GET', PATH, { query })) as LetterListView
    },
    read: async (letterId) => (await call('GET', `${PATH}/${encodeURIComponent(letterId)}`)) as WholeLetterView,
    redrive: async (body) => (await call('POST', `${PATH}/redrive`, { body })) as RedrivenView,
    discard: async (body) => (await call('POST', `${PATH}/discard`, { body })) as DiscardedView,
    close: async () => {},
  }
}
