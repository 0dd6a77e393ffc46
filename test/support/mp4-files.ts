/** The head of an MP4 file whose tracks are handled so (`soun`, `vide`, …), with nothing else in them, and some data. */
export function mp4Of(handlers: readonly string[]): Buffer {
  const tracks = handlers.map((handler) => box('trak', box('mdia', box('hdlr', Buffer.alloc(8), Buffer.from(handler)))))
  const brand = box('ftyp', Buffer.from('isom\0\0\x02\0isommp41', 'latin1'))
  return Buffer.concat([brand, box('moov', ...tracks), box('mdat', Buffer.alloc(1000))])
}

function box(type: string, ...parts: readonly Buffer[]): Buffer {
  const head = Buffer.alloc(8)
  head.writeUInt32BE(8 + parts.reduce((sum, { length }) => sum + length, 0))
  head.write(type, 4, 'latin1')
  return Buffer.concat([head, ...parts])
}
