import type { FastifySchemaValidationError } from 'fastify/types/schema.js'

/**
 * What a request's schema found, as one sentence for whoever sent it: where, what, and which values there are. `where`
 * is `body`, `querystring`, `params` or `headers`.
 */
export function formatSchemaErrors(errors: readonly FastifySchemaValidationError[], where: string): Error {
  return new Error(errors.map((error) => formatOne(error, where)).join(', '))
}

function formatOne({ keyword, instancePath, params, message }: FastifySchemaValidationError, where: string): string {
  if (where === 'body' && instancePath === '' && keyword === 'type') {
    return 'The body has to be a JSON object, sent as application/json.'
  }
  const { allowedValues } = params
  if (Array.isArray(allowedValues)) return `${where}${instancePath} must be one of ${allowedValues.join(', ')}`
  return `${where}${instancePath} ${message}`
}
