/** The wire of what is compared: parts of the answer of `GET /v1/admin/cutover`. */
import { type Static, Type } from 'typebox'
import { cutoverSchema } from './cutover-schemas.ts'

const nullable = <T extends Type.TSchema>(schema: T) => Type.Union([schema, Type.Null()])
const count = (description: string) => Type.Integer({ minimum: 0, description })
const seconds = (description?: string) => Type.Number({ minimum: 0, ...(description && { description }) })
const byRoute = <T extends Type.TSchema>(schema: T, description: string) =>
  Type.Object({ queue: schema, direct: schema }, { description })

const figuresSchema = Type.Object({
  accepted: count('Jobs whose recording was stored'),
  completed: count('Of the jobs made in the window'),
  failed: Type.Record(Type.String(), count('Jobs'), { description: 'By error code, also those that a client caused' }),
  retried: Type.Record(Type.String(), count('Jobs'), {
    description: 'Tried again, by the error code of their first attempt; what became of them is in the other counts',
  }),
  cancelled: count('By their owners'),
  owners: count('Distinct ones'),
  result_s: nullable(
    Type.Object(
      { p50: seconds(), p95: seconds(), p99: seconds() },
      { description: 'Time to the result; null without one' },
    ),
  ),
  oldest_unfinished_s: nullable(seconds('Age of the oldest unfinished job, also beyond the window')),
})

const routesSchema = Type.Object({ window_s: Type.Integer(), queue: figuresSchema, direct: figuresSchema })

const ratioCheckSchema = Type.Object(
  {
    owners: count('Distinct owners that the percentage dealt in the last hour'),
    expected_share: Type.Number({ description: 'Of them on the queue, by the flag; 0–1' }),
    share: nullable(Type.Number({ description: 'Of them on the queue' })),
    p_value: Type.Number({ description: 'Chance of a split as odd as this, however often it is looked at' }),
    ok: Type.Boolean({ description: 'False below 0.001: something else than the flag decides' }),
  },
  { description: 'Whether the owners are split as the flag says; each counts once, however busy' },
)

const guardStateSchema = Type.Object(
  {
    action: Type.Enum(['hold', 'forward', 'back', 'halt'], { description: 'What its next pass does, as things are' }),
    why: Type.String(),
    looked_at: nullable(
      Type.String({
        format: 'date-time',
        description: 'When a guard last looked by itself, of any step',
      }),
    ),
    stale: Type.Boolean({
      description:
        'That is ten minutes ago or more: no `worker:reconcile` runs, or none can look, and nothing is taken back',
    }),
    window: Type.Integer({ minimum: 1, description: 'Number of the window that runs on this step' }),
    evidence: Type.Number({
      description: 'How many times as likely what was seen is if the queue fails more owners; alarm at `threshold`',
    }),
    threshold: Type.Number(),
    owners: byRoute(count('Owners'), 'With an ended job in this window'),
    failing_owners: byRoute(count('Owners'), 'Of them, those with a failure that no client caused'),
  },
  {
    description:
      'The guard of this step. Over all steps, windows and looks together, dead letters aside, at most 1 % of cutovers are taken back although ' +
      'the queue fails no more owners. At 50 % one window finds 2 % → 7 % of owners with 1,400 owners on each route, and ' +
      '2 % → 15 % with 300, missing at most 1 %; with 300 it misses most of 2 % → 7 %',
  },
)

export const cutoverComparisonFields = {
  routes: Type.Array(routesSchema, {
    description: 'Both routes, of jobs made in the last 5 and 60 minutes; empty while the figures take longer than 2 s',
  }),
  ratio_check: nullable(ratioCheckSchema),
  guard_state: nullable(guardStateSchema),
}
const comparisonSchema = Type.Object(cutoverComparisonFields)
export type CutoverComparisonView = Static<typeof comparisonSchema>

/** The flag, its history, and both routes beside one another. */
export const comparedCutoverSchema = Type.Object({ ...cutoverSchema.properties, ...cutoverComparisonFields })
