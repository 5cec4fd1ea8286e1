'use strict'
const commonjs = require('@rollup/plugin-commonjs')
const json = require('@rollup/plugin-json')
const { nodeResolve } = require('@rollup/plugin-node-resolve')

module.exports = {
  input: 'main.mjs',
  output: [
    { file: 'out/rollup.mjs', format: 'es' },
    { file: 'out/rollup.cjs', format: 'cjs' },
  ],
  plugins: [nodeResolve({ preferBuiltins: true }), commonjs(), json()],
  onLog: () => {},
}
