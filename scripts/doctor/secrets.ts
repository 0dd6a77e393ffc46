/** Keeps what is secret out of what the doctor prints. */

type Environment = Readonly<Record<string, string | undefined>>

const SECRET_NAME = /SECRET|TOKEN|PASSWORD|KEYS?$/
/** What is shorter stands in many a text by itself. */
const SHORTEST = 6

/** Makes a function that leaves out of a text every secret of this environment: values by their names, and passwords in URLs. */
export function createRedactor(env: Environment): (text: string) => string {
  const secrets = Object.entries(env)
    .flatMap(([name, value = '']) => [...(SECRET_NAME.test(name) ? partsOf(value) : []), ...passwordsIn(value)])
    .filter((secret) => secret.length >= SHORTEST)
  const longestFirst = [...new Set(secrets)].sort((a, b) => b.length - a.length)
  return (text) =>
    longestFirst.reduce((left, secret) => left.replaceAll(secret, '***'), text.replaceAll(URL_PASSWORD, '$1***@'))
}

const URL_PASSWORD = /(\b[a-z]+:\/\/[^\s/:@]*:)[^\s@/]*@/g

/** The value, and the keys of `owner=key[:admin]`, comma separated. */
function partsOf(value: string): string[] {
  const keys = value.split(',').map((entry) => entry.split('=')[1] ?? '')
  return [value, ...keys, ...keys.map((key) => key.replace(/:admin$/, ''))]
}

/** As it stands in the URL, and as it is sent. */
function passwordsIn(value: string): string[] {
  const { password = '' } = URL.parse(value) ?? {}
  return [password, decoded(password)]
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text // not percent-encoded: it is sent as it stands
  }
}
