// What jest.config.js asks for, told to tests and to the processes that they start.
Object.assign(process.env, globalThis.ENVIRONMENT)
