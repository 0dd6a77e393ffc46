/** PFFFT in WebAssembly (J. Pommier, BSD-3) as the engine's Fourier transform. */
import { type CreateRealFft, fftSize, type RealFft } from '../analysis/fft.ts'

interface Pffft {
  readonly HEAPF32: Float32Array
  _pffft_new_setup(size: number, kind: number): number
  _pffft_aligned_malloc(bytes: number): number
  _pffft_transform_ordered(setup: number, input: number, output: number, work: number, direction: number): void
}

const REAL = 0
const FORWARD = 0
const BACKWARD = 1

/**
 * Loads the module and answers a factory of transforms, each made once per size and kept. Load once per thread: the
 * transforms of one factory share memory and work space.
 */
export async function loadFft(): Promise<CreateRealFft> {
  // The package brings no types.
  const { default: load } = (await import('@echogarden/pffft-wasm/simd' as string)) as { default(): Promise<Pffft> }
  const pffft = await load()
  const made = new Map<number, RealFft>()
  return (size) => {
    const fft = made.get(size) ?? createFft(pffft, size)
    made.set(size, fft)
    return fft
  }
}

function createFft(pffft: Pffft, size: number): RealFft {
  // The module itself would end for good.
  if (fftSize(size) !== size) throw new RangeError(`There is no transform of size ${size}`)
  const setup = pffft._pffft_new_setup(size, REAL)
  const data = pffft._pffft_aligned_malloc(4 * size)
  const work = pffft._pffft_aligned_malloc(4 * size)
  let view = new Float32Array(0)
  return {
    size,
    get data() {
      // The memory moves when it grows; a view of the old one is then empty.
      if (view.length !== size) view = new Float32Array(pffft.HEAPF32.buffer as ArrayBuffer, data, size)
      return view
    },
    forward: () => pffft._pffft_transform_ordered(setup, data, data, work, FORWARD),
    inverse: () => pffft._pffft_transform_ordered(setup, data, data, work, BACKWARD),
  }
}
