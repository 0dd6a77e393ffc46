/** The wire of keys and sessions. */
import { type Static, Type } from 'typebox'
import { OWNER_PATTERN, ROLES_OF_KEYS } from '../domain/api-key.ts'

const nullable = <T extends Type.TSchema>(schema: T) => Type.Union([schema, Type.Null()])
const owner = Type.String({ pattern: OWNER_PATTERN, description: 'The account that the key belongs to' })
const role = Type.Enum([...ROLES_OF_KEYS])
const keyId = Type.String({ format: 'uuid' })

export const keySchema = Type.Object({
  key_id: Type.String(),
  owner: Type.String(),
  role,
  name: Type.String(),
  created_at: Type.String(),
  expires_at: nullable(Type.String()),
  revoked_at: nullable(Type.String()),
  last_used_at: nullable(Type.String({ description: 'To a minute' })),
})
export type KeyView = Static<typeof keySchema>

export const newKeySchema = Type.Object(
  {
    owner,
    role: Type.Optional(role),
    name: Type.String({ pattern: '^[^\\x00-\\x1f\\x7f]{1,60}$', description: 'What the key is for, for people' }),
    expires_at: Type.Optional(nullable(Type.String({ format: 'date-time' }))),
  },
  { additionalProperties: false },
)
export const madeKeySchema = Type.Object({
  key: Type.String({ description: 'The text to send; it is never shown again' }),
  ...keySchema.properties,
})
export type MadeKeyView = Static<typeof madeKeySchema>

export const keyParamsSchema = Type.Object({ key_id: keyId })
export const keyPageSchema = Type.Object({
  owner: Type.Optional(owner),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 100 })),
  cursor: Type.Optional(keyId),
})
export const keyListSchema = Type.Object({ items: Type.Array(keySchema), next_cursor: nullable(Type.String()) })

export const sessionSchema = Type.Object({
  owner: Type.String(),
  role,
  expires_at: Type.String(),
})
