/** What a recording's first bytes tell, while the rest still comes in. */

/** The container or codec that the first bytes of a file announce. */
export interface SniffedAudio {
  /** Such as `wav`, `mp3`, `flac`, `ogg`, `webm`, `mp4`. */
  readonly format: string
  readonly contentType: string
  /** With the dot, for the object's key. */
  readonly extension: string
}

/** Tells audio (and video containers, which may hold audio) by its first 64 bytes or more; undefined for anything else. */
export type Sniff = (firstBytes: Uint8Array) => SniffedAudio | undefined

/** What a recording's head says of it; null where the head does not say. */
export interface HeadFacts {
  readonly codec: string | null
  readonly sampleRateHz: number | null
  readonly channels: number | null
  readonly durationS: number | null
  /** False for a video that declares no sound track. */
  readonly hasSound: boolean | null
}

/**
 * Reads the first bytes of a recording, which may be less than its whole head. Never throws: a head that cannot be read
 * says nothing, and the analysis will tell.
 */
export type InspectHead = (head: Uint8Array, audio: SniffedAudio) => Promise<HeadFacts>
