/** With `--import`: this process's clock is `SKEW_MS` milliseconds beside the machine's, wherever it is read. */
const skewMs = Number(process.env.SKEW_MS ?? 0)
const RealDate = globalThis.Date

globalThis.Date = class extends RealDate {
  constructor(...given) {
    super(...(given.length === 0 ? [RealDate.now() + skewMs] : given))
  }

  static now() {
    return RealDate.now() + skewMs
  }
}
