import type { ReferenceKind } from '../domain/reference.ts'

export type ReferenceTextKind = Exclude<ReferenceKind, 'audio'>

/** Tells whether a TextGrid or a pitch file can be used, without holding up whoever else this process serves. */
export interface ReferenceChecker {
  /**
   * @throws AppError `reference-invalid` with a sentence that names the line and what is wrong there; `not-ready` when
   *   too many are being read already
   */
  check(kind: ReferenceTextKind, bytes: Uint8Array): Promise<void>
}
