/** No flag system at all. */
export const provider = {}
