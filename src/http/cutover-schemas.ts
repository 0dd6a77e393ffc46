/** The wire of the cutover flag. */
import { type Static, Type } from 'typebox'
import { OWNER_PATTERN } from '../domain/api-key.ts'

const nullable = <T extends Type.TSchema>(schema: T) => Type.Union([schema, Type.Null()])
const MAX_OWNERS = 1000
const MAX_VERSION = 2 ** 31 - 2
const share = (description: string) => Type.Number({ minimum: 0, maximum: 100, description })
const owners = (description: string) =>
  Type.Array(Type.String({ pattern: OWNER_PATTERN }), { maxItems: MAX_OWNERS, description })
const version = Type.Integer({ minimum: 0, maximum: MAX_VERSION, description: '0 while none has been set' })

const planFields = {
  steps: Type.Array(Type.Number({ minimum: 0.01, maximum: 100 }), {
    ...{ minItems: 1, maxItems: 50 },
    description: 'Percentages, rising, that are taken by themselves',
  }),
  hold_s: Type.Number({
    ...{ minimum: 1, maximum: 30 * 86_400 },
    description: 'Seconds of one window, and the least time on a step',
  }),
  min_owners: Type.Integer({
    ...{ minimum: 1, maximum: 1_000_000 },
    description: 'Distinct owners with an ended job, on each side, before a step upward',
  }),
}
const guardPlanSchema = Type.Object(planFields, { additionalProperties: false })
const guardSchema = Type.Object({
  ...planFields,
  halted: Type.Boolean({ description: 'It has stepped back, and goes up again only by an operator’s word' }),
})

export const cutoverChangeSchema = Type.Object(
  {
    percent: share('Share of owners whose new jobs take the queue, in steps of 0.01'),
    reason: Type.String({ pattern: '^[^\\x00-\\x1f\\x7f]{1,500}$', description: 'Kept in the history' }),
    version: Type.Integer({ minimum: 0, maximum: MAX_VERSION, description: 'That is changed, as it was read' }),
    allow: Type.Optional(owners('Owners who take the queue whatever the percentage; left out: as they are')),
    deny: Type.Optional(owners('Owners who take the direct route; it wins over `allow`; left out: as they are')),
    guard: Type.Optional(
      Type.Union([guardPlanSchema, Type.Null()], {
        description:
          'Steps upward that are taken by themselves, and back on failures; left out: none, nothing happens by itself',
      }),
    ),
  },
  { additionalProperties: false },
)
export type CutoverChangeRequest = Static<typeof cutoverChangeSchema>

export const cutoverQuerySchema = Type.Object({
  before: Type.Optional(
    Type.Integer({ minimum: 1, maximum: MAX_VERSION, description: 'The history before this version' }),
  ),
  figures: Type.Optional(
    Type.Boolean({ description: 'False: without `routes`, `ratio_check` and `guard_state`, which take their time' }),
  ),
})
export type CutoverQuery = Static<typeof cutoverQuerySchema>

const versionFields = {
  version,
  percent: share('Share of owners whose new jobs take the queue; the default’s while none has been set'),
  allow: Type.Array(Type.String()),
  deny: Type.Array(Type.String()),
  guard: nullable(guardSchema),
}
const versionSchema = Type.Object({
  ...versionFields,
  reason: Type.String(),
  changed_by: Type.String({ description: 'Owner of the admin’s key, or `guard`' }),
  changed_at: Type.String(),
  origin: Type.Enum(['operator', 'guard']),
})
export type CutoverVersionView = Static<typeof versionSchema>

export const cutoverStateSchema = Type.Object({
  ...versionFields,
  reason: nullable(Type.String()),
  changed_by: nullable(Type.String({ description: 'Owner of the admin’s key, or `guard`' })),
  changed_at: nullable(Type.String()),
  origin: nullable(Type.Enum(['operator', 'guard'])),
  default_percent: share('`USE_QUEUE_SYSTEM`: counts while no version has been set'),
  forced: nullable(share('`USE_QUEUE_SYSTEM_FORCE`: while it is set, no change has an effect')),
  effective: Type.Object(
    {
      percent: nullable(share('Null when a company’s own flag system decides')),
      by: Type.Enum(['forced', 'no-direct-route', 'provider', 'flag', 'default']),
    },
    { description: 'What new jobs go by on this process' },
  ),
})
export type CutoverStateView = Static<typeof cutoverStateSchema>

/** What the comparison of the routes has to say stands beside the history. */
export const cutoverSchema = Type.Object({
  ...cutoverStateSchema.properties,
  history: Type.Array(versionSchema, { description: 'Newest first, 20 of them' }),
  next_before: nullable(Type.Integer({ description: 'There are older ones: call again with `before`' })),
})
export type CutoverView = Static<typeof cutoverSchema>
