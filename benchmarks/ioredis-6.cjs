// Preloaded where the peer is measured on ioredis 6.
'use strict'
const Module = require('node:module')

const resolve = Module._resolveFilename
Module._resolveFilename = function (request, ...rest) {
  return resolve.call(this, request === 'ioredis' ? 'ioredis6' : request, ...rest)
}
