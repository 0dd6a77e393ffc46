/** Texts of the environment as the values their schemas ask for. */
import type { TSchema } from 'typebox'

/** A number where the schema is of one and the text looks like one; else the text itself. */
export function convert(schema: TSchema, given: string): unknown {
  const { type } = schema as { type?: string }
  if (type !== 'integer' && type !== 'number') return given
  return /^-?\d+(\.\d+)?$/.test(given.trim()) ? Number(given) : given
}

/** What is wrong with a value, without repeating a secret whole. */
export function explain(schema: TSchema, given: string): string {
  const rule = schema as {
    type?: string
    minimum?: number
    maximum?: number
    pattern?: string
    examples?: string[]
    anyOf?: { const: string }[]
  }
  const shown = given.length > 40 ? `${given.slice(0, 40)}…` : given
  if (rule.anyOf) return `"${shown}" is none of ${rule.anyOf.map((option) => option.const).join(', ')}`
  if (rule.examples) return `does not look like ${rule.examples[0]}`
  return `"${shown}" is not ${rule.type === 'integer' ? 'a whole number' : 'a number'} from ${rule.minimum} to ${rule.maximum}`
}

export function camelCase(name: string): string {
  return name.toLowerCase().replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())
}
