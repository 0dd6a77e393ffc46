/** Hostile bodies: forms that break the grammar of multipart, fields that break ours, and JSON. */
import { draw, type HostileContext, type HostileKind, pick, rawRequest } from './upload-hostile-requests.ts'
import { wavOf } from './upload-recording.ts'

const BOUNDARY = 'XhostileX'
const CRLF = '\r\n'
const WAV = Buffer.concat([...wavOf(4_000)]).toString('latin1')
const FILE_LINE = 'content-disposition: form-data; name="file"; filename="a.wav"'
const FILE = part(FILE_LINE, WAV)

/** A part with these header lines. */
function part(lines: string, value: string): string {
  return `--${BOUNDARY}${CRLF}${lines}${CRLF}${CRLF}${value}${CRLF}`
}

function field(name: string, value: string): string {
  return part(`content-disposition: form-data; name="${name}"`, value)
}

const END = `--${BOUNDARY}--${CRLF}`

function form({ key }: HostileContext, body: string, type = `multipart/form-data; boundary=${BOUNDARY}`) {
  return { bytes: [rawRequest({ key, headers: [`content-type: ${type}`], body })] }
}

/** A form of this body, or of one of these. */
function forms(...bodies: readonly string[]): HostileKind {
  return (context) => form(context, pick(context, bodies))
}

function fieldWith(name: string, values: readonly string[]): HostileKind {
  return (context) => form(context, field(name, pick(context, values)) + FILE + END)
}

const NUL = '\0'
const LONG = 'x'.repeat(100_000)
const NAMES = [
  '../../etc/passwd',
  'a\0b.wav',
  'a"b.wav',
  'a\r\nx: y.wav',
  '\xff\xfe.wav',
  'x'.repeat(10_000),
  '',
  '.',
  '\u202e',
]
const deep = (depth: number, open: string, close: string) => open.repeat(depth) + close.repeat(depth)

const JSONS = [
  '',
  '{',
  'null',
  '[]',
  '"text"',
  '{"a":1e999}',
  '{"__proto__":{"admin":true}}',
  '{"constructor":{"prototype":{"x":1}}}',
  '{"name":"\\u0000"}',
  '{"name":"\\ud800"}',
  '{"owner":"a\\u0000b","role":"user","name":"x"}',
  '{"owner":"acme","role":"user","name":"\\u0000"}',
  '{"a":1,"a":2}',
  '\xef\xbb\xbf{}',
  '{\0}',
  `{"name":"${'x'.repeat(50_000)}"}`,
  '{"percent":1e400,"reason":"x","version":-1}',
  '{"percent":50,"reason":"\\u0000","version":9007199254740993}',
  deep(20_000, '[', ']'),
  deep(5_000, '{"a":', '1'),
  `"${'\\u0000'.repeat(100)}"`,
]
const JSON_ROUTES = [
  '/v1/session',
  '/v1/admin/keys',
  '/v1/notifications/read',
  '/v1/uploads',
  '/v1/admin/dead-letters/redrive',
]

export const HOSTILE_BODIES: Readonly<Record<string, HostileKind>> = {
  'form without an end': forms(FILE, FILE.slice(0, -2), `--${BOUNDARY}`, `--${BOUNDARY}--`, '', CRLF),
  'form of ends': forms(END, END + END, `--${BOUNDARY}--${FILE}${END}`),
  'form cut short': (context) => form(context, (FILE + END).slice(0, draw(context, FILE.length + END.length))),
  'form with bytes changed': (context) => {
    const body = Buffer.from(field('token_id', 'a') + FILE + END, 'latin1')
    for (let changes = 1 + draw(context, 20); changes > 0; changes--) body[draw(context, 300)] = draw(context, 256)
    return form(context, body.toString('latin1'))
  },
  'form of noise': (context) => {
    const body = Buffer.from(Array.from({ length: draw(context, 4_000) }, () => draw(context, 256)))
    return form(context, `--${BOUNDARY}${CRLF}${body.toString('latin1')}`)
  },
  'boundary not as announced': (context) => {
    const boundaries = ['', '""', 'other', 'x'.repeat(71), 'x'.repeat(5_000), '--', '"a b"', 'a;b', '\xff', '"unclosed']
    return form(context, FILE + END, `multipart/form-data; boundary=${pick(context, boundaries)}`)
  },
  'boundary missing': (context) => {
    const types = [
      'multipart/form-data',
      'multipart/form-data;',
      'multipart/form-data; boundary',
      'MULTIPART/FORM-DATA',
    ]
    return form(context, FILE + END, pick(context, types))
  },
  'boundary given twice': (context) =>
    form(context, FILE + END, `multipart/form-data; boundary=a; boundary=${BOUNDARY}`),
  'nested form': (context) => {
    const inner = `--inner${CRLF}${FILE_LINE}${CRLF}${CRLF}${WAV}${CRLF}--inner--`
    return form(
      context,
      part('content-disposition: form-data; name="file"\r\ncontent-type: multipart/mixed; boundary=inner', inner) + END,
    )
  },
  'part with huge headers': (context) => {
    const lines = [
      `x: ${'y'.repeat(20_000)}`,
      `x: ${LONG}`,
      'a: b\r\n'.repeat(3_000).trimEnd(),
      `${'n'.repeat(20_000)}: v`,
    ]
    return form(context, part(`${FILE_LINE}${CRLF}${pick(context, lines)}`, WAV) + END)
  },
  'part with a wrong disposition': (context) => {
    const lines = [
      'x: y',
      'content-disposition: attachment; name="file"',
      'content-disposition: form-data',
      'content-disposition:',
    ]
    const more = [
      'content-disposition: form-data; name=',
      'content-disposition: form-data; name="file',
      'no colon here',
      ': v',
      '\0: v',
    ]
    return form(context, part(pick(context, [...lines, ...more]), WAV) + END)
  },
  'name with control characters': (context) => {
    const name = pick(context, [
      'a\0b',
      'a\r\nb: c',
      'a\nb',
      '__proto__',
      'constructor',
      'toString',
      'file[]',
      'x'.repeat(5_000),
    ])
    return form(context, field(name, 'v') + FILE + END)
  },
  'hostile filename': (context) => {
    const line = `content-disposition: form-data; name="file"; filename="${pick(context, NAMES)}"`
    return form(context, part(line, WAV) + END)
  },
  'filename in another encoding': (context) => {
    const value = pick(context, [
      "utf-8''%00%ff",
      "utf-8''%",
      "x-none''a",
      "utf-16''%d8%00",
      "''",
      "utf-8''..%2f..%2fa.wav",
    ])
    return form(context, part(`content-disposition: form-data; name="file"; filename*=${value}`, WAV) + END)
  },
  'file more than once': forms(FILE + FILE + END, FILE.repeat(20) + END),
  'a thousand parts': forms(field('a', 'b').repeat(1_000) + FILE + END, FILE.repeat(1_000) + END),
  'a thousand parts after the file': forms(FILE + field('a', 'b').repeat(1_000) + END),
  'huge field': fieldWith('token_id', [LONG, 'x'.repeat(8_193)]),
  'hostile field': (context) => {
    const name = pick(context, ['token_id', 'priority', 'not_before', 'callback_url', 'metadata', 'filename'])
    const values = [
      '',
      NUL,
      'a\0',
      '\xff',
      '-1',
      'NaN',
      '1e999',
      '9999-99-99',
      '+275760-09-13T00:00:00.001Z',
      '{}',
      'http://[',
      '../..',
    ]
    return form(context, field(name, pick(context, values)) + FILE + END)
  },
  'hostile metadata': fieldWith('metadata', [
    ...JSONS,
    '{"a":"\\u0000"}',
    '{"\\u0000":1}',
    '{"a":"\\ud800"}',
    deep(900, '[', ']'),
  ]),
  'hostile metadata in the query': (context) => {
    const value = pick(context, ['{"a":"\\u0000"}', '{"a":"\\ud800"}', '{"a":1e400}', '{"__proto__":1}', '['])
    const path = `/v1/jobs?metadata=${encodeURIComponent(value)}`
    return { bytes: [rawRequest({ key: context.key, path, headers: ['content-type: audio/wav'], body: WAV })] }
  },
  'lines that end in LF alone': forms((FILE + END).replaceAll(CRLF, '\n')),
  'text around the form': forms(`preamble${CRLF}${FILE}${END}`, `${FILE}${END}epilogue`, `${FILE}${END}${FILE}${END}`),
  'part in an encoding': (context) => {
    const line = pick(context, [
      'content-transfer-encoding: base64',
      'content-transfer-encoding: x',
      'content-type: audio/wav; charset=x',
    ])
    return form(context, part(`${FILE_LINE}${CRLF}${line}`, WAV) + END)
  },
  'hostile JSON': (context) => {
    const headers = [
      `content-type: ${pick(context, ['application/json', 'application/json; charset=utf-16', 'text/json', ''])}`,
    ]
    const [path, body] = [pick(context, JSON_ROUTES), pick(context, JSONS)]
    return { bytes: [rawRequest({ key: context.key, path, headers, body })] }
  },
  'JSON above the limit': (context) => {
    const headers = ['content-type: application/json']
    const body = JSON.stringify({ name: 'x'.repeat(1_100_000) })
    return { bytes: [rawRequest({ key: context.key, path: pick(context, JSON_ROUTES), headers, body })] }
  },
  'not audio': (context) => {
    const body = pick(context, [
      '',
      'R',
      'RIFF',
      'RIFF\xff\xff\xff\xffWAVE',
      'ID3\xff\xff\xff\xff\xff\xff',
      'OggS',
      'fLaC',
      NUL.repeat(600),
    ])
    return { bytes: [rawRequest({ key: context.key, headers: ['content-type: audio/wav'], body })] }
  },
  'audio with a damaged head': (context) => {
    const body = Buffer.from(WAV, 'latin1')
    for (let changes = 1 + draw(context, 8); changes > 0; changes--) body[12 + draw(context, 32)] = draw(context, 256)
    return { bytes: [rawRequest({ key: context.key, headers: ['content-type: audio/wav'], body })] }
  },
}
