/** The wire of the routes that operate owners. */
import { Type } from 'typebox'
import { OWNER_PATTERN } from '../domain/api-key.ts'

export const ownerParamsSchema = Type.Object({ owner: Type.String({ pattern: OWNER_PATTERN }) })

export const ownerDeletionSchema = Type.Object({
  owner: Type.String(),
  requested_at: Type.String({ description: 'When the deletion began; a repeat while it runs shows the same' }),
  keys: Type.Integer({ description: 'Keys that ended with this call' }),
  jobs: Type.Integer({ description: 'Jobs that there still were' }),
  tokens: Type.Integer({ description: 'Tokens that there still were' }),
})
