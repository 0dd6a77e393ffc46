/** The system's package managers: what each calls the tools, and how it installs one. */
import { findCommand, run } from './run.mjs'

/** Names in the order to try: Redis left some distributions for its fork Valkey. */
const MANAGERS = {
  'apt-get': {
    packages: {
      redis: ['redis-server', 'valkey-server'],
      ffmpeg: ['ffmpeg'],
      postgresql: ['postgresql'],
      praat: ['praat'],
      curl: ['curl'],
      chromium: ['chromium'],
      nginx: ['nginx-light', 'nginx'],
      python: ['python3'],
    },
    install: 'apt-get -o DPkg::Lock::Timeout=120 install -qy --no-install-recommends',
    refresh: 'apt-get update -q',
    byHand: 'apt-get install -y',
  },
  dnf: {
    packages: {
      redis: ['valkey', 'redis'],
      ffmpeg: ['ffmpeg-free', 'ffmpeg'],
      postgresql: ['postgresql-server'],
      praat: ['praat'],
      curl: ['curl'],
      chromium: ['chromium'],
      nginx: ['nginx'],
      python: ['python3'],
    },
    install: 'dnf install -qy',
    byHand: 'dnf install -y',
  },
  apk: {
    packages: {
      redis: ['redis', 'valkey'],
      ffmpeg: ['ffmpeg'],
      postgresql: ['postgresql'],
      praat: [],
      curl: ['curl'],
      chromium: ['chromium'],
      nginx: ['nginx'],
      python: ['python3'],
    },
    install: 'apk add --quiet',
    refresh: 'apk update --quiet',
    byHand: 'apk add',
  },
  pacman: {
    packages: {
      redis: ['valkey', 'redis'],
      ffmpeg: ['ffmpeg'],
      postgresql: ['postgresql'],
      praat: ['praat'],
      curl: ['curl'],
      chromium: ['chromium'],
      nginx: ['nginx'],
      python: ['python'],
    },
    install: 'pacman -S --noconfirm --needed',
    refresh: 'pacman -Sy --noconfirm',
    byHand: 'pacman -S',
  },
  brew: {
    packages: {
      redis: ['redis'],
      ffmpeg: ['ffmpeg'],
      postgresql: ['postgresql@17'],
      praat: [],
      curl: ['curl'],
      chromium: ['chromium'],
      nginx: ['nginx'],
      python: ['python3'],
    },
    install: 'brew install --quiet',
    byHand: 'brew install',
    asUser: true,
  },
}

/**
 * The manager of this machine for one tool, as `{name, packages, byHand, mayInstall()}`; undefined when there is none
 * or it has no such package. `byHand` is the one command for a person to run.
 */
export function findPackageManager(tool) {
  const name = Object.keys(MANAGERS).find((candidate) => findCommand(candidate) !== undefined)
  const { packages, byHand, asUser } = MANAGERS[name] ?? {}
  if (!packages?.[tool].length) return undefined
  const isRoot = process.getuid?.() === 0
  const prefix = isRoot || asUser ? '' : 'sudo '
  const mayInstall = async () => (asUser ? !isRoot : isRoot || (await canSudo()))
  return { name, packages: packages[tool], byHand: `${prefix}${byHand} ${packages[tool][0]}`, mayInstall }
}

async function canSudo() {
  if (findCommand('sudo') === undefined) return false
  return (await run('sudo', ['-n', 'true'], { timeoutS: 10, doing: 'asking sudo' })).ok
}

/** Installs the first of the manager's packages that it can; resolves to `{ok, output}`. */
export function installPackage(manager, tool) {
  const script = installScript(manager)
  const asRoot = process.getuid?.() === 0 || MANAGERS[manager.name].asUser
  const [command, ...args] = asRoot ? ['sh', '-c', script] : ['sudo', '-n', 'sh', '-c', script]
  return run(command, args, { finishFirst: true, doing: `installing ${tool} with ${manager.name}` })
}

function installScript({ name, packages }) {
  const { install, refresh } = MANAGERS[name]
  const attempt = packages.map((each) => `${install} ${each}`).join(' || ')
  const attempts = refresh === undefined ? attempt : `${attempt} || { ${refresh} && { ${attempt}; }; }`
  return name === 'apt-get' ? withoutServices(attempts, packages) : attempts
}

/**
 * Debian's packages start their service at once and at every boot; ours needs only the program. policy-rc.d (Debian
 * Policy's invoke-rc.d interface) forbids the start while we install, and the boot is undone when we added the package.
 */
function withoutServices(attempts, packages) {
  return `
export DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1
policy=/usr/sbin/policy-rc.d
trap 'exit 1' INT TERM HUP
if [ ! -e "$policy" ] || grep -q tonewire "$policy"; then
  trap 'rm -f "$policy"' EXIT
  printf '#!/bin/sh\\n# for the time of the set-up of tonewire\\nexit 101\\n' >"$policy" && chmod 755 "$policy"
fi
${attempts}
result=$?
if [ $result = 0 ] && [ -d /run/systemd/system ]; then
  for service in ${packages.join(' ')}; do systemctl disable --quiet "$service" 2>/dev/null; done
fi
exit $result`
}
