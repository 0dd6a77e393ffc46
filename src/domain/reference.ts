/** Reference material: what learners imitate. Its objects are never overwritten; a replaced one is another object. */

/** Where the reference material of a token lies in the bucket; null where there is none of a kind. */
export interface ReferenceKeys {
  readonly audioKey: string | null
  /** Of the audio, hex; a pitch track computed from it is kept under this hash. */
  readonly audioSha256: string | null
  readonly textgridKey: string | null
  readonly pitchKey: string | null
}

export interface TokenReference extends ReferenceKeys {
  readonly owner: string
  readonly tokenId: string
  readonly createdAt: Date
  readonly updatedAt: Date
}

export const REFERENCE_KINDS = ['audio', 'textgrid', 'pitch'] as const
export type ReferenceKind = (typeof REFERENCE_KINDS)[number]
