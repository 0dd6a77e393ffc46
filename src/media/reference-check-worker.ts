/** The inside of the thread that reads large reference texts. An error goes out as data, since its class would not. */
import { checkReferenceText } from '../analysis/reference.ts'
import { type ErrorCode, toAppError } from '../domain/errors.ts'
import type { ReferenceTextKind } from '../ports/reference-checker.ts'

export interface CheckTask {
  readonly kind: ReferenceTextKind
  readonly bytes: Uint8Array
}

export type CheckAnswer = { readonly code: ErrorCode; readonly detail: string } | null

/** Null when the text can be used. */
export function checkTask({ kind, bytes }: CheckTask): CheckAnswer {
  try {
    checkReferenceText(kind, bytes)
    return null
  } catch (error) {
    const { code, detail } = toAppError(error)
    return { code, detail }
  }
}
