/** What a transport may leave behind: the rest of what Node counts is the runner's. */
const kinds = /^(Timeout|TCP|TLS|UDP|HTTP|Worker|ChildProcess)/

/** Kind -> how many of it hold this process at the moment. Timers that are unref'd do not. */
export function heldResources(): Map<string, number> {
  const held = new Map<string, number>()
  for (const kind of process.getActiveResourcesInfo()) {
    if (kinds.test(kind)) held.set(kind, (held.get(kind) ?? 0) + 1)
  }
  return held
}
