/** The parts of a `PUT /v1/tokens/{token_id}`, one after the other as they come in. */
import { PassThrough } from 'node:stream'
import type { FastifyRequest } from 'fastify'
import { AppError } from '../domain/errors.ts'
import { REFERENCE_KINDS, type ReferenceKind } from '../domain/reference.ts'
import type { ReferencePart } from '../services/store-reference.ts'
import { asMultipartError, MULTIPART_LIMITS } from './upload-body.ts'

export async function* openReferenceParts(request: FastifyRequest): AsyncGenerator<ReferencePart> {
  const seen = new Set<ReferenceKind>()
  try {
    for await (const part of request.parts({ limits: { ...MULTIPART_LIMITS, files: REFERENCE_KINDS.length } })) {
      const kind = REFERENCE_KINDS.find((name) => name === part.fieldname)
      if (kind === undefined || part.type !== 'file') throw unknownPart(part.fieldname, part.type)
      if (seen.has(kind)) throw new AppError('upload-malformed', `Send ${kind} once.`)
      seen.add(kind)
      const body = new PassThrough()
      part.file.on('error', (error) => body.destroy(asMultipartError(request, error)))
      yield { kind, body: part.file.pipe(body) }
    }
  } catch (error) {
    throw asMultipartError(request, error)
  }
}

function unknownPart(name: string, type: string): AppError {
  const shown = JSON.stringify(name.slice(0, 50))
  const detail = type === 'file' ? `There is no part ${shown}` : `The part ${shown} is not a file`
  return new AppError('upload-malformed', `${detail}: send ${REFERENCE_KINDS.join(', ')}, each as a file.`)
}
