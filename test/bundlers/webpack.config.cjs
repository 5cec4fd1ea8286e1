// Of webpack and of rspack.
'use strict'
const { join } = require('node:path')

module.exports = {
  mode: 'production',
  target: 'node',
  entry: './main.mjs',
  output: { path: join(__dirname, 'out'), filename: `${process.env.TOOL}.cjs` },
}
