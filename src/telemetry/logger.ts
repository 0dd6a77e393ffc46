import { type DestinationStream, type Logger, type LoggerOptions, pino, stdSerializers } from 'pino'

const SECRET_HEADERS = ['authorization', 'cookie', '["set-cookie"]', '["x-signature"]']
/** Where headers turn up in a log entry: by themselves, of a request or a response, and in what an error drags along. */
const HEADER_PLACES = ['', 'headers', '*.headers', '*.*.headers']
const REDACTED = [
  ...HEADER_PLACES.flatMap((place) => SECRET_HEADERS.map((name) => toPath(place, name))),
  'secret',
  '*.secret',
]

/** JSON lines on standard output, or where told; keys, cookies and signatures never get into them. */
export function createLogger(level: string, fields: object, destination?: DestinationStream): Logger {
  const options: LoggerOptions = {
    level,
    base: { pid: process.pid, ...fields },
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label) => ({ level: label }) },
    serializers: { err: stdSerializers.errWithCause },
    redact: REDACTED,
  }
  return destination === undefined ? pino(options) : pino(options, destination)
}

function toPath(place: string, name: string): string {
  return place === '' || name.startsWith('[') ? `${place}${name}` : `${place}.${name}`
}
