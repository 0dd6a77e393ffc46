import { ownerOf } from '../auth.ts'
import {
  discardedSchema,
  discardSchema,
  letterListSchema,
  letterParamsSchema,
  letterQuerySchema,
  redrivenSchema,
  redriveSchema,
  wholeLetterSchema,
} from '../dead-letter-schemas.ts'
import { discard, listLetters, readLetter, redrive } from '../dead-letter-view.ts'
import type { App, AppDependencies } from '../dependencies.ts'

/** Messages that no consumer could bring to an end, for admins; `auth.ts` lets nobody else in here. */
export async function deadLetterRoutes(app: App, { ports }: AppDependencies): Promise<void> {
  const path = '/v1/admin/dead-letters'

  app.get(path, { schema: { querystring: letterQuerySchema, response: { 200: letterListSchema } } }, async (request) =>
    listLetters(ports, request.query),
  )

  app.get(
    `${path}/:letter_id`,
    { schema: { params: letterParamsSchema, response: { 200: wholeLetterSchema } } },
    async (request) => readLetter(ports, request.params.letter_id),
  )

  app.post(`${path}/redrive`, { schema: { body: redriveSchema, response: { 200: redrivenSchema } } }, async (request) =>
    redrive(ports, request.body, ownerOf(request)),
  )

  app.post(
    `${path}/discard`,
    { schema: { body: discardSchema, response: { 200: discardedSchema } } },
    async (request) => {
      const answer = await discard(ports, request.body, ownerOf(request))
      const { filter, reason } = request.body
      if (!answer.dry_run) request.log.info({ filter, reason, ...answer }, 'dead letters discarded')
      return answer
    },
  )
}
