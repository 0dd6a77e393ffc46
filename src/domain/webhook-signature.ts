/**
 * Reading `x-signature` as the legacy analysis server sends it; signing is `signBody` (callback.ts). The header is looked
 * at before the body is read: what is malformed, too old or of a clock that is ahead is refused for nothing.
 */
import { createHmac, timingSafeEqual } from 'node:crypto'
import { AppError } from './errors.ts'

/** Longest time between signing and arriving, and most that the signer's clock may be ahead. */
export const SIGNATURE_TOLERANCE_S = 300

export interface Signature {
  readonly unixSeconds: number
  /** One for each secret it was signed with, hex. */
  readonly digests: readonly string[]
}

/** A secret that is being changed has two signatures; more are of no use to anybody. */
const MAX_DIGESTS = 5

/**
 * Reads the header of a request that arrives now; unknown fields are ignored.
 *
 * @throws AppError `signature-invalid`, saying what is wrong
 */
export function readSignature(header: string, nowS: number): Signature {
  const fields = header.split(',', 20).map((field) => field.trim())
  const [time, ...others] = fields.filter((field) => field.startsWith('t='))
  const digests = fields
    .filter((field) => /^v1=[0-9a-f]{64}$/i.test(field))
    .map((field) => field.slice(3).toLowerCase())
  const unixSeconds = /^t=\d{1,12}$/.test(time ?? '') ? Number(time?.slice(2)) : Number.NaN
  if (Number.isNaN(unixSeconds) || others.length > 0 || digests.length === 0 || digests.length > MAX_DIGESTS) {
    throw invalid('x-signature is not t=<unix seconds>,v1=<hex hmac-sha256 of "<t>.<raw body>">.')
  }
  if (unixSeconds < nowS - SIGNATURE_TOLERANCE_S) {
    throw invalid(
      `It was signed ${Math.round(nowS - unixSeconds)} s ago; at most ${SIGNATURE_TOLERANCE_S} s are allowed.`,
    )
  }
  if (unixSeconds > nowS + SIGNATURE_TOLERANCE_S) {
    throw invalid(`It was signed ${Math.round(unixSeconds - nowS)} s in the future: set the signer’s clock.`)
  }
  return { unixSeconds, digests }
}

/** Compares in constant time; throws `signature-invalid` when none of the digests is that of the body. */
export function checkSignature({ unixSeconds, digests }: Signature, secret: string, body: Uint8Array): void {
  const expected = createHmac('sha256', secret).update(`${unixSeconds}.`).update(body).digest()
  const matches = digests.map((digest) => timingSafeEqual(expected, Buffer.from(digest, 'hex')))
  if (!matches.includes(true)) throw invalid('No v1 of x-signature is the signature of this body by our secret.')
}

function invalid(detail: string): AppError {
  return new AppError('signature-invalid', detail)
}
