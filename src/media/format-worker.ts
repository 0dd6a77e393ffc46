/** The inside of the formatting thread: a result's JSON comes in, UTF-8 goes out. Errors go out as data. */
import { move } from 'piscina'
import { formatResult } from '../analysis/format-result.ts'
import { type ErrorCode, toAppError } from '../domain/errors.ts'
import type { DerivedFormat } from '../domain/result-formats.ts'

export interface FormatTask {
  readonly json: string | Uint8Array
  readonly format: DerivedFormat
}

export type FormatAnswer = Uint8Array | FormatFailure
export interface FormatFailure {
  readonly code: ErrorCode
  readonly detail: string
  readonly cause: string
}

export function formatTask({ json, format }: FormatTask): FormatAnswer {
  try {
    const text = new TextEncoder().encode(formatResult(typeof json === 'string' ? json : decode(json), format))
    // Handed over, not copied.
    return move(text) as typeof text
  } catch (error) {
    const { code, detail, cause, stack } = toAppError(error)
    return { code, detail, cause: cause instanceof Error ? cause.message : (stack ?? '') }
  }
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes)
}
