import { createHash, createHmac, type Hash, type Hmac } from 'node:crypto'

type Source = string | ArrayBuffer | ArrayBufferView

/** SHA-256, with a secret HMAC of it: the constructor that signers of AWS requests ask for. */
export class Sha256 {
  readonly #hash: Hash | Hmac

  constructor(secret?: Source) {
    this.#hash = secret === undefined ? createHash('sha256') : createHmac('sha256', toBytes(secret))
  }

  update(data: Source): void {
    this.#hash.update(toBytes(data))
  }

  async digest(): Promise<Uint8Array> {
    return this.#hash.digest()
  }

  /** Asked for by the type, and never used: a signer makes one for each hash. */
  reset(): never {
    throw new Error('a hash that was begun cannot begin again')
  }
}

function toBytes(data: Source): string | Uint8Array {
  if (typeof data === 'string') return data
  return ArrayBuffer.isView(data) ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength) : new Uint8Array(data)
}
