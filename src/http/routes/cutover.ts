import { ownerOf } from '../auth.ts'
import { comparedCutoverSchema } from '../cutover-comparison-schemas.ts'
import { NO_COMPARISON, readComparison } from '../cutover-comparison-view.ts'
import { cutoverChangeSchema, cutoverQuerySchema, cutoverStateSchema } from '../cutover-schemas.ts'
import { NO_CUTOVER, putCutover, readCutover } from '../cutover-view.ts'
import type { App, AppDependencies } from '../dependencies.ts'

/** The flag that moves traffic to the queue, for admins; `auth.ts` lets nobody else in here. */
export async function cutoverRoutes(
  app: App,
  { ports, cutover: settings = NO_CUTOVER }: AppDependencies,
): Promise<void> {
  const path = '/v1/admin/cutover'

  app.get(
    path,
    { schema: { querystring: cutoverQuerySchema, response: { 200: comparedCutoverSchema } } },
    async (request) => {
      const { figures = true } = request.query
      const [flag, comparison] = await Promise.all([
        readCutover(ports, settings, request.query),
        figures ? readComparison(ports, settings) : NO_COMPARISON,
      ])
      return { ...flag, ...comparison }
    },
  )

  app.put(path, { schema: { body: cutoverChangeSchema, response: { 200: cutoverStateSchema } } }, async (request) => {
    const state = await putCutover(ports, settings, request.body, ownerOf(request))
    const { version, percent, reason, changed_by: by } = state
    request.log.info({ version, percent, reason, by }, 'cutover changed')
    return state
  })
}
