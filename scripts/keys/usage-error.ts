/** The caller gave the command something it cannot work with: exit code 2. */
export class UsageError extends Error {}
