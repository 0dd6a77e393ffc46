/** What stands in hostile heads: byte for byte, since nothing that sends it escapes anything. */
export const CHUNKS = [
  'zz\r\nab\r\n0\r\n\r\n',
  '-1\r\n',
  'ffffffffffffffff\r\nab',
  '5\r\nab\r\n0\r\n\r\n',
  '0x5\r\nabcde\r\n0\r\n\r\n',
  '5 \r\nabcde\r\n0\r\n\r\n',
]
export const MORE_CHUNKS = [
  `5;${'e'.repeat(20_000)}\r\nabcde\r\n0\r\n\r\n`,
  '0\r\nx: y\r\ncontent-length: 5\r\n\r\n',
  '5\nabcde\n0\n\n',
  '\r\n',
  '',
]
export const LENGTHS = [
  '-1',
  '+5',
  '1e3',
  '0x10',
  '99999999999999999999',
  '9007199254740993',
  '5, 5',
  '5,6',
  ' ',
  '5 5',
  '٣',
  'NaN',
]
export const PATHS = [
  '/%00',
  '/v1/jobs/%00',
  '/%ff%fe',
  '/v1/jobs/../admin/keys',
  '/v1/jobs/..%2f..%2fadmin',
  '//v1//jobs',
  '/v1/jobs/%',
  '/%zz',
]
export const MORE_PATHS = [
  `/v1/jobs/${'x'.repeat(8_000)}`,
  `/${'a/'.repeat(2_000)}`,
  'http://elsewhere/v1/jobs',
  '*',
  'v1/jobs',
  '/v1/jobs\0',
  '/v1/jobs;x=1',
  '/\x80',
]
export const QUERIES = [
  'limit=-1',
  'limit=1e9',
  'limit=NaN',
  'limit=0x10',
  'limit=1&limit=2',
  'cursor=%00',
  'cursor=AAAA',
  'q=%00',
  'q=%ff',
  'q=%25',
  'q=_%25\\',
]
export const MORE_QUERIES = [
  'status=none',
  'status[]=failed',
  '__proto__=1',
  `q=${'x'.repeat(5_000)}`,
  'wait_s=99999',
  'token_id=%00',
  '=&=&',
  'a=b'.repeat(900),
  '%',
  'limit=%',
]
export const AUTHS = [
  '',
  'Basic YTpi',
  'Bearer',
  'Bearer ',
  'Bearer \xff',
  `Bearer ${'x'.repeat(12_000)}`,
  'Bearer a.b.c',
  'Bearer eyJhbGciOiJub25lIn0.e30.',
  'bearer x y z',
]
export const TYPES = [
  '',
  'audio/',
  'audio/wav;;;;',
  'x',
  'audio/wav; x="',
  'application/json',
  'multipart/mixed; boundary=a',
  '*/*',
  'audio/wav, audio/wav',
  `audio/${'x'.repeat(9_000)}`,
]
export const GARBAGE = [
  '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
  'SSH-2.0-x\r\n',
  'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  '\0\0\0\0\r\n\r\n',
  'GET /livez\r\n\r\n',
  '\r\n\r\n\r\n',
]
export const LINES = [
  'GET /livez HTTP/9.9',
  'GET /livez HTTP/1.2',
  'G\0T /livez HTTP/1.1',
  'GET  /livez  HTTP/1.1',
  'get /livez HTTP/1.1',
  `${'M'.repeat(300)} / HTTP/1.1`,
]
export const HEADERS = [
  'no colon',
  'na me: v',
  ': v',
  'x: a\0b',
  'x: a\rb',
  'x: y\r\n folded',
  'host: other',
  `x: ${'y'.repeat(20_000)}`,
  '\xff: v',
  'connection: upgrade\r\nupgrade: websocket',
]
export const IDS = ['', ' ', 'x'.repeat(256), 'x'.repeat(9_000), 'é', 'a\tb', '"', '"a"', 'a\r\nidempotency-key: b']
