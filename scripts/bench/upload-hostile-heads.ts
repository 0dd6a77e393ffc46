/** Hostile heads: lengths that lie, encodings that smuggle, headers, paths, and what is no HTTP at all. */
import { draw, type HostileContext, type HostileKind, pick, rawRequest } from './upload-hostile-requests.ts'
import {
  AUTHS,
  CHUNKS,
  GARBAGE,
  HEADERS,
  IDS,
  LENGTHS,
  LINES,
  MORE_CHUNKS,
  MORE_PATHS,
  MORE_QUERIES,
  PATHS,
  QUERIES,
  TYPES,
} from './upload-hostile-values.ts'
import { wavOf } from './upload-recording.ts'

const WAV = Buffer.concat([...wavOf(4_000)]).toString('latin1')
const AUDIO = 'content-type: audio/wav'
const CHUNKED = 'transfer-encoding: chunked'

const one = (bytes: Buffer) => ({ bytes: [bytes] })
/** A recording, sent under this header. */
function upload({ key }: HostileContext, header: string) {
  return one(rawRequest({ key, headers: [AUDIO, header], body: WAV }))
}
function underOneOf(...headers: readonly string[]): HostileKind {
  return (context) => upload(context, pick(context, headers))
}
function get({ key }: HostileContext, path: string) {
  return one(rawRequest({ method: 'GET', path, key, length: null }))
}
function text(value: string) {
  return one(Buffer.from(value, 'latin1'))
}

export const HOSTILE_HEADS: Readonly<Record<string, HostileKind>> = {
  'length above what comes': (context) => {
    const length = String(WAV.length + 1 + draw(context, 100_000))
    return {
      ...one(rawRequest({ key: context.key, headers: [AUDIO], body: WAV, length })),
      half: draw(context, 2) === 0,
    }
  },
  'length below what comes': (context) =>
    one(rawRequest({ key: context.key, headers: [AUDIO], body: WAV, length: String(draw(context, WAV.length)) })),
  'length that is no number': (context) =>
    one(rawRequest({ key: context.key, headers: [AUDIO], body: WAV, length: pick(context, LENGTHS) })),
  'two lengths': (context) => upload(context, `content-length: ${draw(context, 9_000)}`),
  'length and chunks': underOneOf(CHUNKED),
  'strange transfer encoding': (context) => {
    const values = [
      'gzip, chunked',
      'chunked, chunked',
      'xchunked',
      'chunked\r\ntransfer-encoding: identity',
      ' chunked',
      'identity',
      'chunked;q=1',
    ]
    const headers = [AUDIO, `transfer-encoding: ${pick(context, values)}`]
    return {
      ...one(rawRequest({ key: context.key, headers, body: '5\r\nabcde\r\n0\r\n\r\n', length: null })),
      half: true,
    }
  },
  'broken chunks': (context) => {
    const body = pick(context, [...CHUNKS, ...MORE_CHUNKS])
    return {
      ...one(rawRequest({ key: context.key, headers: [AUDIO, CHUNKED], body, length: null })),
      half: draw(context, 2) === 0,
    }
  },
  'JSON that never comes': ({ key }) => ({
    ...one(
      rawRequest({
        key,
        path: '/v1/admin/keys',
        headers: ['content-type: application/json'],
        body: '{',
        length: '900',
      }),
    ),
    half: true,
  }),
  expectation: underOneOf(
    'expect: 100-continue',
    'expect: 200-ok',
    'expect: ',
    'expect: 100-continue, x',
    `expect: ${'x'.repeat(500)}`,
  ),
  'expectation with a type that is refused': ({ key }) =>
    one(rawRequest({ key, headers: ['content-type: text/plain', 'expect: 100-continue'], length: '5000' })),
  'content encoding': underOneOf('content-encoding: gzip', 'content-encoding: br, gzip', 'content-encoding: \xff'),
  'hostile content type': (context) =>
    one(rawRequest({ key: context.key, headers: [`content-type: ${pick(context, TYPES)}`], body: WAV })),
  'idempotency key': (context) => upload(context, `idempotency-key: ${pick(context, IDS)}`),
  credentials: (context) => one(rawRequest({ headers: [AUDIO, `authorization: ${pick(context, AUTHS)}`], body: WAV })),
  'credentials twice': (context) => upload(context, 'authorization: Bearer another'),
  'hostile cookie': (context) => {
    const cookie = pick(context, [
      'a',
      '=;=;',
      'session=%',
      `session=${'x'.repeat(9_000)}`,
      'session=a.b.c',
      '__Host-session=\xff',
    ])
    return one(rawRequest({ method: 'GET', headers: [`cookie: ${cookie}`], length: null }))
  },
  'hostile header': underOneOf(...HEADERS),
  'many headers': (context) =>
    upload(context, Array.from({ length: 101 + draw(context, 900) }, (_, n) => `x${n}: y`).join('\r\n')),
  'hostile request id': underOneOf(
    'x-request-id: \xff',
    `x-request-id: ${'x'.repeat(1_000)}`,
    'x-request-id: a b',
    'traceparent: 00-x-y-z',
  ),
  'hostile origin': underOneOf(
    'origin: null',
    'origin: http://[',
    'origin: \xff',
    'sec-fetch-site: cross-site',
    'x-forwarded-for: \xff',
  ),
  'hostile path': (context) => get(context, pick(context, [...PATHS, ...MORE_PATHS])),
  'hostile query': (context) => get(context, `/v1/jobs?${pick(context, [...QUERIES, ...MORE_QUERIES])}`),
  'hostile cursor of events': (context) => {
    const path = pick(context, [
      '?last_event_id=%00',
      '?lastEventId=-1',
      `?last_event_id=${'9'.repeat(400)}`,
      '?job_id=x',
      '?job_id=%00',
      '?x=1',
    ])
    return get(context, `/v1/events${path}`)
  },
  'hostile token': (context) => {
    const token = pick(context, [
      '%00',
      '..',
      'a%2fb',
      'x'.repeat(129),
      '%F0%9F%98%80',
      '-',
      '%ff',
      'constructor',
      '__proto__',
    ])
    const headers = [AUDIO]
    return one(rawRequest({ key: context.key, path: `/${token}/upload-audio`, headers, body: WAV }))
  },
  method: (context) => {
    const method = pick(context, ['OPTIONS', 'TRACE', 'PUT', 'PATCH', 'DELETE', 'PROPFIND', 'QUERY', 'HEAD', 'LINK'])
    return one(rawRequest({ method, key: context.key, path: pick(context, ['/v1/jobs', '*', '/', '/livez']) }))
  },
  connect: () => text('CONNECT elsewhere:443 HTTP/1.1\r\nhost: elsewhere:443\r\n\r\n'),
  'no HTTP': (context) => ({ ...text(pick(context, GARBAGE)), half: true }),
  noise: (context) => ({
    ...one(Buffer.from(Array.from({ length: 1 + draw(context, 3_000) }, () => draw(context, 256)))),
    half: true,
  }),
  'hostile first line': (context) => ({ ...text(`${pick(context, LINES)}\r\nhost: x\r\n\r\n`), half: true }),
  'no host, or two': (context) =>
    text(`GET /livez HTTP/1.1\r\n${pick(context, ['', 'host: a\r\nhost: b\r\n', 'host: \xff\r\n'])}\r\n`),
  'lines that end in LF alone': ({ key }) => ({
    ...text(`GET /v1/jobs HTTP/1.1\nhost: x\nauthorization: Bearer ${key}\n\n`),
    half: true,
  }),
  'head that never ends': (context) => ({
    ...text('GET /livez HTTP/1.1\r\nhost: x\r\nx: '),
    half: draw(context, 2) === 0,
  }),
  'nothing at all': () => ({ bytes: [], half: true }),
  pipelined: (context) => {
    const count = 2 + draw(context, 20)
    const probe = rawRequest({ method: 'GET', path: '/livez', length: null })
    return { bytes: Array.from({ length: count }, () => probe), answers: count }
  },
  'upload with another request behind it': (context) => ({
    bytes: [...upload(context, 'x: y').bytes, ...get(context, '/v1/jobs?limit=1').bytes],
    answers: 2,
  }),
  'refused upload with another request behind it': ({ key }) => ({
    bytes: [
      rawRequest({ key, headers: [AUDIO], body: 'x'.repeat(300_000) }),
      rawRequest({ method: 'GET', path: '/livez', length: null }),
    ],
    answers: 2,
  }),
}
