const Sequencer = require('@jest/test-sequencer').default

// Files that are small and take long, since they try whole kits or wait for timeouts, clusters and children: the longest
// first. By their size, which is all that jest has on a machine that has not run them, they would begin last, and one of
// them would run on alone.
const longest = [
  'cli/test/doctor-server',
  'postgres/test/conformance',
  'redis/test/cluster-',
  'redis/test/conformance',
  '/conformance',
  'test/histories',
  'test/integration',
]

/** Begins with the longest of those whose times are not known; the others come as jest has them. */
class LongestFirst extends Sequencer {
  sort(tests) {
    const rank = ({ path, duration }) => {
      const index = duration === undefined ? longest.findIndex((part) => path.includes(part)) : -1
      return index < 0 ? longest.length : index
    }
    return super.sort(tests).sort((one, other) => rank(one) - rank(other))
  }
}

module.exports = Object.assign(LongestFirst, { longest })
