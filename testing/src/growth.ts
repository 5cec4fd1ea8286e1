/** CPU ms of one run. */
async function cpuOf(run: () => Promise<void> | void): Promise<number> {
  const before = process.cpuUsage()
  await run()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000
}

/**
 * How many times the CPU twice the input costs: about 2 if it is linear, 4 if quadratic. Told by four times the input,
 * which noise hides less; not by the wall clock; and of the least of several runs, which take turns, since whatever
 * disturbs a run adds to it: three of them, or `runs` if that is less, and up to three times `runs` while it does not
 * look linear. What is in doubt then is measured with half the input too: a collector that begins to work between
 * the two sizes looks like growth, but not at both; what is quadratic does.
 */
export async function growthOf(run: Run, size: number, runs = 4): Promise<number> {
  const growth = await growthAt(run, size, runs)
  return growth < linear || growth > doubtful
    ? growth
    : Math.min(growth, await growthAt(run, Math.ceil(size / 2), runs))
}

/**
 * The same of code that is known to be quadratic, as a control plants it: what it does beside hides that only in small
 * inputs, so what looks linear is measured with twice the input, and once more.
 */
export async function growthOfPlanted(run: Run, size: number): Promise<number> {
  let growth = 0
  for (let times = 1; times <= 4 && growth <= linear; times *= 2) {
    growth = Math.max(growth, await growthAt(run, times * size, 1))
  }
  return growth
}

type Run = (size: number) => Promise<void> | void

async function growthAt(run: Run, size: number, runs: number): Promise<number> {
  await run(size)
  let single = Infinity
  let fourfold = Infinity
  let growth = Infinity
  for (let times = 0; times < Math.min(3, runs) || (growth >= linear && times < 3 * runs); times++) {
    single = Math.min(single, await cpuOf(() => run(size)))
    fourfold = Math.min(fourfold, await cpuOf(() => run(4 * size)))
    // What takes less than half a ms is all noise.
    growth = Math.sqrt(fourfold / Math.max(0.5, single))
  }
  return growth
}

/** What is linear stays below. */
export const linear = 2.5
/** What is quadratic is above, with enough input. */
const doubtful = 3
