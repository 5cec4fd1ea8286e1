import { immediateAtLoad, timersAreFake } from './clock'

/** By the marks that fakes have which were installed before this module was loaded. */
const isFakeAtLoad = (): boolean => 'clock' in immediateAtLoad || '_isMockFunction' in immediateAtLoad

/** Resolves in the next turn of the event loop; at once where somebody moves the timers by hand, and no turn comes. */
export async function nextTurn(): Promise<void> {
  if (!isFakeAtLoad() && !timersAreFake()) await new Promise<void>((resolve) => immediateAtLoad(resolve))
}
