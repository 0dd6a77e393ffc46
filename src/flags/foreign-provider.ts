/** A company's own flag system: the module that `FLAG_PROVIDER` names exports `createProvider`. */
import { isAbsolute, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Provider } from '@openfeature/server-sdk'

type CreateProvider = () => Provider | Promise<Provider>

/** By a package's name, or a path from the working directory. Throws an Error that says what is wrong with the variable. */
export async function importProvider(name: string): Promise<CreateProvider> {
  const module = await importModule(name)
  const { createProvider } = module
  if (typeof createProvider === 'function') return createProvider as CreateProvider
  throw new Error(`FLAG_PROVIDER: the module ${name} exports no function createProvider.`)
}

async function importModule(name: string): Promise<Record<string, unknown>> {
  const isPath = name.startsWith('.') || isAbsolute(name)
  try {
    return (await import(isPath ? pathToFileURL(resolve(name)).href : name)) as Record<string, unknown>
  } catch (error) {
    throw new Error(`FLAG_PROVIDER: the module ${name} cannot be loaded: ${(error as Error).message}`, { cause: error })
  }
}
