/** docs/results.md: the fields of a result, made from its schema, and its other formats. */
import { resultSchema } from '../src/domain/result-schema.ts'

interface Schema {
  readonly description?: string
  readonly type?: string
  readonly const?: unknown
  readonly anyOf?: readonly Schema[]
  readonly items?: Schema | readonly Schema[]
  readonly properties?: Readonly<Record<string, Schema>>
}

const INTRODUCTION = `# Results

What \`GET /v1/jobs/{job_id}/result\` answers, and \`npm run analyse\` prints. Made from \`src/domain/result-schema.ts\`.
Fields may be added; those that are here keep their meaning. Null means that it could not be computed, never zero.

| field | type | what it is |
|---|---|---|`

const FORMATS = `
## The formats

| \`?format=\` | what it is | what it needs of a result |
|---|---|---|
| \`json\` | the above | – |
| \`csv\` | \`time_s,f0_hz,intensity_db\`, one row per pitch frame: times to 1e-6 s, F0 to 1e-5 Hz and empty where unvoiced, intensity interpolated there | \`pitch\` |
| \`textgrid\` | Praat TextGrid: the reference's labelled intervals, then its labelled points, where the learner says them; last a tier \`silences\` | \`duration_s\` |
| \`pitchtier\` | Praat PitchTier: a point per voiced frame | \`duration_s\`, \`pitch\` |
| \`svg\` | a drawing for light and dark pages: score, outline of the sound, both melodies, labels, pauses | \`duration_s\`, \`pitch\` |

Each is made from the result alone. A result by another analysis server may lack everything else, and what it lacks is
left out; a needed field that is missing or of another kind is answered 422 \`result-format-unavailable\` with its name. Of
\`pitch\` that is \`start_s\`, \`step_s\` and \`f0_hz\`. A result of more than 32 MiB comes as JSON only (422
\`result-too-large\`).
`

export function resultDocument(): string {
  return `${[INTRODUCTION, ...rowsOf(resultSchema as Schema, '')].join('\n')}\n${FORMATS}`
}

function rowsOf({ properties = {} }: Schema, prefix: string): string[] {
  return Object.entries(properties).flatMap(([name, schema]) => {
    const [first, ...others] = schema.anyOf ?? [schema]
    const field = `${prefix}${name}`
    const described = { ...schema, ...first }
    const orNull = others.length > 0 ? ' or null' : ''
    const entry = itemOf(described)
    const row = `| \`${field}\` | ${typeOf(described)}${orNull} | ${described.description ?? ''} |`
    return [row, ...rowsOf(described, `${field}.`), ...(entry ? rowsOf(entry, `${field}[].`) : [])]
  })
}

function itemOf({ items }: Schema): Schema | undefined {
  return Array.isArray(items) ? undefined : (items as Schema | undefined)
}

function typeOf({ type, const: value }: Schema): string {
  if (value !== undefined) return `\`${JSON.stringify(value)}\``
  return type === 'array' ? 'list' : (type ?? 'any')
}
