/** Recordings that clients send straight to the object store: what was announced, and the URLs they send to. */

export type UploadMethod = 'put' | 'parts'

/** What a client says of a recording before it sends it. */
export interface Announced {
  readonly method: UploadMethod
  readonly sizeBytes: number
  /** Hex; null when the client left it out. */
  readonly sha256: string | null
}

export interface UploadFacts extends Announced {
  /** The store's name of an upload in parts; null until it has begun there. */
  readonly uploadId: string | null
  /** The end of the whole upload, by the database's clock. */
  readonly expiresAt: Date
  /** Seconds until then when it was read, by the same clock; negative when it is over. */
  readonly leftS: number
}

/** What the rows of direct uploads say besides the job; throws `database-unavailable`. */
export interface UploadFactStore {
  /** Undefined when the recording of this job came through the API, or there is no such job. */
  find(jobId: string): Promise<UploadFacts | undefined>
  /** Keeps the store's id of an upload; of several that are given, the first stays. Returns the one that is kept. */
  bind(jobId: string, uploadId: string): Promise<string | undefined>
}

export interface UploadedPart {
  /** From 1. */
  readonly partNumber: number
  readonly etag: string
}

export interface SignedPart {
  /** The length is part of the signature: the URL takes no other. */
  readonly sizeBytes: number
  readonly expiresInS: number
}

/** Throws `storage-unavailable` when the object store cannot be reached. */
export interface DirectUploads {
  /** A URL for one PUT of exactly this type and size. */
  presignPut(key: string, put: SignedPart & { readonly contentType: string }): Promise<string>
  /** A URL for one part of exactly this size. */
  presignPart(
    key: string,
    part: SignedPart & { readonly uploadId: string; readonly partNumber: number },
  ): Promise<string>
  /** Begins an upload in parts and returns the store's id of it. */
  begin(key: string, contentType: string): Promise<string>
  /** The parts that have arrived, by number; undefined where the store cannot list them. Throws `object-not-found`. */
  listParts(key: string, uploadId: string): Promise<readonly UploadedPart[] | undefined>
  /**
   * Makes the object of these parts, in this order. Throws `upload-incomplete` when one is not there as named, and
   * `object-not-found` when there is no such upload: joined before, or aborted.
   */
  join(key: string, uploadId: string, parts: readonly UploadedPart[]): Promise<void>
  /** Drops an upload and its parts; also succeeds when it is gone. */
  abort(key: string, uploadId: string): Promise<void>
}
