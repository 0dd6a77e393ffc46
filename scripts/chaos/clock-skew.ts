/** `--import` of a process whose clock is a minute ahead: every way to ask it says so. */
const AHEAD_MS = 60_000
const Real = Date
const now = (): number => Real.now() + AHEAD_MS

globalThis.Date = new Proxy(Real, {
  construct: (target, args, newTarget) => Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget),
  apply: () => new Real(now()).toString(),
  get: (target, name) => (name === 'now' ? now : (Reflect.get(target, name) as unknown)),
})
