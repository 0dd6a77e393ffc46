/**
 * What the document of the API says about an operation beyond the schemas of its route: names, sentences, the codes it
 * can answer with, and the bodies that no route schema describes because the route reads them itself.
 */
import type { ErrorCode } from '../../domain/errors.ts'

export interface Operation {
  readonly id: string
  readonly tag: Tag
  readonly summary: string
  readonly description?: string
  /** Beside those that every operation of its kind can give. */
  readonly problems?: readonly ErrorCode[]
  /** Media type to schema. */
  readonly body?: Readonly<Record<string, object>>
  readonly parameters?: readonly object[]
  /** By status, where the route's own schemas do not say it. */
  readonly answers?: Readonly<Record<string, Answer>>
  /** Names of headers of the successful answer, of `HEADERS` in openapi.ts. */
  readonly headers?: readonly string[]
}

export interface Answer {
  readonly description: string
  readonly content?: Readonly<Record<string, { readonly schema: object; readonly example?: unknown }>>
}

export const TAGS = {
  jobs: 'Recordings on their way to a result',
  events: 'Progress, live',
  tokens: 'Reference utterances: what learners imitate',
  callbacks: 'What was sent to a job’s `callback_url`',
  session: 'A cookie for pages of this site',
  admin: 'For operators: needs an admin’s key',
  system: 'For orchestrators, monitors and tools',
} as const
export type Tag = keyof typeof TAGS

/** Bytes of a part or a body. */
export const binary = (description: string) => ({ type: 'string', format: 'binary', description })
export const text = (description: string) => ({ type: 'string', description })
export const noContent = (description: string): Readonly<Record<string, Answer>> => ({ 204: { description } })
