import multipart from '@fastify/multipart'
import { Type } from 'typebox'
import { AppError } from '../../domain/errors.ts'
import type { TokenReference } from '../../domain/reference.ts'
import { storeReference } from '../../services/store-reference.ts'
import { ownerOf } from '../auth.ts'
import type { App, AppDependencies } from '../dependencies.ts'
import { openReferenceParts } from '../reference-body.ts'
import { type TokenView, tokenListSchema, tokenPageSchema, tokenParamsSchema, tokenSchema } from '../schemas.ts'
import { drain, MULTIPART_LIMITS, unlessAborted, waitForUpload } from '../upload-body.ts'

const PUT_DESCRIPTION = `Stores reference material, as multipart parts \`audio\` (a recording, with the limits of an upload),
\`textgrid\` and \`pitch\` (a Praat Pitch, a PitchTier or a table \`time,f0\`; each of the two has at most 4 MiB).

With \`audio\` the token is replaced whole: a TextGrid and a pitch file that came with an earlier recording belonged to it,
and go unless new ones come along. Without \`audio\` each part that comes is added or replaced, and the others stay.
A pitch file goes before the recording's own pitch. Jobs made before keep what they were made with.`

const TAKES = 'multipart/form-data with any of the files audio, textgrid and pitch'

/** Reference utterances: what learners imitate. */
export async function tokenRoutes(app: App, deps: AppDependencies): Promise<void> {
  app.removeAllContentTypeParsers()
  await app.register(multipart, { limits: MULTIPART_LIMITS })
  const { ports, limits } = deps
  const params = tokenParamsSchema
  const path = '/v1/tokens/:token_id'

  app.put(
    path,
    { config: { takes: TAKES }, schema: { description: PUT_DESCRIPTION, params, response: { 200: tokenSchema } } },
    async (request) => {
      const place = { owner: ownerOf(request), tokenId: request.params.token_id }
      const { signal, pace, end } = waitForUpload(request, limits)
      try {
        const parts = openReferenceParts(request)
        const stored = storeReference(ports, place, parts, { ...limits, signal, pace })
        return toTokenView(await unlessAborted(signal, stored))
      } catch (error) {
        drain(request)
        throw error
      } finally {
        end()
      }
    },
  )

  app.get(path, { schema: { params, response: { 200: tokenSchema } } }, async (request) => {
    const found = await ports.tokens.find(ownerOf(request), request.params.token_id)
    if (found === undefined) throw noToken(request.params.token_id)
    return toTokenView(found)
  })

  await app.register(removalRoute, deps)

  const schema = { querystring: tokenPageSchema, response: { 200: tokenListSchema } }
  app.get('/v1/tokens', { schema }, async (request) => {
    const { limit = 50, cursor: after } = request.query
    const found = await ports.tokens.list(ownerOf(request), { after, limit: limit + 1 })
    const page = found.slice(0, limit)
    return { items: page.map(toTokenView), next_cursor: found.length > limit ? (page.at(-1)?.tokenId ?? null) : null }
  })
}

/** Apart from the others: whatever content type comes along, its body says nothing and is read away. */
async function removalRoute(app: App, { ports }: AppDependencies): Promise<void> {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', (_request, payload, done) => {
    payload.resume()
    done(null)
  })
  const schema = { params: tokenParamsSchema, response: { 204: Type.Null() } }
  app.delete('/v1/tokens/:token_id', { schema }, async (request, reply) => {
    const removed = await ports.tokens.remove(ownerOf(request), request.params.token_id)
    if (!removed) throw noToken(request.params.token_id)
    return reply.code(204).send(null)
  })
}

function noToken(tokenId: string): AppError {
  return new AppError('token-not-found', `There is no token ${tokenId}`)
}

function toTokenView(token: TokenReference): TokenView {
  return {
    token_id: token.tokenId,
    owner: token.owner,
    audio: token.audioKey !== null,
    textgrid: token.textgridKey !== null,
    pitch: token.pitchKey !== null,
    created_at: token.createdAt.toISOString(),
    updated_at: token.updatedAt.toISOString(),
  }
}
