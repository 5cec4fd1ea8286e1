// Taken at load: fake timers replace it later.
const nextTick = process.nextTick.bind(process)

/** Calls it behind the promise reactions of this tick, so that what they still ask for is there. */
export function atEndOfTick(work: () => void): void {
  void Promise.resolve().then(() => nextTick(work))
}
