import { type Logger, pino, stdSerializers } from 'pino'

/** JSON lines on standard output; keys, cookies and signatures never get into them. */
export function createLogger(level: string, fields: object): Logger {
  return pino({
    level,
    base: { pid: process.pid, ...fields },
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label) => ({ level: label }) },
    serializers: { err: stdSerializers.errWithCause },
    redact: ['req.headers.authorization', 'req.headers.cookie', 'headers.authorization', 'headers.cookie'],
  })
}
