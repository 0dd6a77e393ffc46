/** AWS Signature Version 4 from its specification alone, as a server checks it: emulators do not. */
import { createHash, createHmac } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'

export interface ReceivedRequest {
  readonly method: string
  /** Path and query as they came. */
  readonly url: string
  readonly headers: IncomingHttpHeaders
}

/** Whether the Authorization header, or the signature in the query, is the one that this secret makes. */
export function hasValidSignature({ method, url, headers }: ReceivedRequest, secret: string): boolean {
  const [path = '', queryText = ''] = url.split('?')
  const pairs = queryText === '' ? [] : queryText.split('&')
  const query = new URLSearchParams(queryText)
  const inHeader = /Credential=([^,]+), SignedHeaders=([^,]+), Signature=(\w+)/.exec(headers.authorization ?? '')
  const [, credential, names, signature] = inHeader ?? [
    '',
    ...['X-Amz-Credential', 'X-Amz-SignedHeaders', 'X-Amz-Signature'].map((name) => query.get(name) ?? ''),
  ]
  const date = query.get('X-Amz-Date') ?? String(headers['x-amz-date'])
  const signedNames = (names ?? '').split(';')
  const lines = signedNames.map((name) => `${name}:${String(headers[name]).trim().replace(/ +/g, ' ')}\n`)
  const signedPairs = pairs.filter((pair) => !pair.startsWith('X-Amz-Signature=')).sort()
  const canonical = [method, path, signedPairs.join('&'), lines.join(''), names, 'UNSIGNED-PAYLOAD'].join('\n')
  const scope = (credential ?? '').split('/').slice(1)
  const hashed = createHash('sha256').update(canonical).digest('hex')
  const toSign = ['AWS4-HMAC-SHA256', date, scope.join('/'), hashed].join('\n')
  const key = scope.reduce<string | Buffer>((made, part) => hmac(made, part), `AWS4${secret}`)
  return hmac(key, toSign).toString('hex') === signature
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}
