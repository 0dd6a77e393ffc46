/** What the comparison of the routes needs of the binomial and the beta distribution. */

/** The logarithm of the gamma function, for x > 0, to about 1e-14 (C. Lanczos 1964; coefficients of P. Godfrey, g = 7). */
export function lnGamma(x: number): number {
  if (x < 0.5) return Math.log(Math.PI / Math.sin(Math.PI * x)) - lnGamma(1 - x)
  const t = x + 6.5
  const series = LANCZOS.reduce((sum, coefficient, i) => sum + coefficient / (x + i), LANCZOS_START)
  return 0.5 * Math.log(2 * Math.PI) + (x - 0.5) * Math.log(t) - t + Math.log(series)
}

const LANCZOS_START = 0.999_999_999_999_809_9
const LANCZOS = [
  676.520_368_121_885_1, -1259.139_216_722_402_8, 771.323_428_777_653_1, -176.615_029_162_140_6, 12.507_343_278_686_905,
  -0.138_571_095_265_720_12, 9.984_369_578_019_572e-6, 1.505_632_735_149_311_6e-7,
]

/** The logarithm of the beta function. */
export function lnBeta(a: number, b: number): number {
  return lnGamma(a) + lnGamma(b) - lnGamma(a + b)
}

/** P(X ≤ k) of a binomial X with n tries of probability p, summed up. */
export function binomialAtMost(k: number, n: number, p: number): number {
  if (p <= 0 || k >= n) return 1
  if (p >= 1) return 0
  let sum = 0
  // From the largest term down: what is left of the others no longer counts.
  for (let i = k; i >= 0; i -= 1) {
    const lnChoose = -Math.log(n + 1) - lnBeta(i + 1, n - i + 1)
    const term = Math.exp(lnChoose + i * Math.log(p) + (n - i) * Math.log1p(-p))
    sum += term
    if (term < sum * 1e-17 && i < n * p) break
  }
  return Math.min(1, sum)
}

/**
 * The upper bound of a share of which k of n were seen, right with this confidence (C. Clopper and E. Pearson 1934): the
 * share at which k or fewer would be seen with the probability that is left. 1 when nothing was seen.
 */
export function upperShare(k: number, n: number, confidence: number): number {
  if (n === 0 || k >= n) return 1
  let [low, high] = [k / n, 1]
  for (let halvings = 0; halvings < 50; halvings += 1) {
    const middle = (low + high) / 2
    if (binomialAtMost(k, n, middle) > 1 - confidence) low = middle
    else high = middle
  }
  return high
}
