import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { bench } from './commands/bench'
import { doctor } from './commands/doctor'
import type { DoctorFlags } from './doctor/flags'
import { emit, fail } from './commands/emit'
import { forget, peek } from './commands/outcomes'
import { tail } from './commands/tail'
import { wait } from './commands/wait'
import { who } from './commands/who'
import { describe, exitCodeOf, explain, parseMs, parseCount } from './events'
import { Exit, exitCodes, usage } from './exit'
import type { ExitCode } from './exit'
import { complain, json, width, withoutUrls } from './output'

/** Runs a command line and resolves with the code to exit with. Never rejects. */
export async function run(argv: readonly string[]): Promise<ExitCode> {
  try {
    await program().parseAsync(argv, { from: 'user' })
    return exitCodes.ok
  } catch (error) {
    if (error instanceof CommanderError) {
      if (error.exitCode === 0) return exitCodes.ok
      // commander has written the help.
      return error.code === 'commander.help' ? exitCodes.usage : tell(usage(notUnderstood(error)), argv)
    }
    // The doctor has told in its table.
    return error instanceof Exit && error.message === '' ? error.exitCode : tell(error, argv)
  }
}

function tell(error: unknown, argv: readonly string[]): ExitCode {
  if (argv.includes('--json')) json({ error: describe(error) })
  else complain(error instanceof Exit ? error.message : explain(error))
  return exitCodeOf(error)
}

function notUnderstood({ message }: CommanderError): string {
  return withoutUrls(message.replace(/^error: /, ''))
}

/** What commander has to complain of is told by `run`. */
const silent = { outputError: () => undefined }

function program(): Command {
  const it = new Command('server-events')
    .description('Looks after the server that server-events runs on, and speaks with those who wait on it.')
    .exitOverride()
    .configureOutput(silent)
    .configureHelp({ helpWidth: width(100), showGlobalOptions: false })
    .addHelpText('after', AFTER_HELP)
  it.addCommand(doctorCommand())
  it.addCommand(waitCommand())
  it.addCommand(emitCommand())
  it.addCommand(failCommand())
  it.addCommand(tailCommand())
  it.addCommand(peekCommand())
  it.addCommand(forgetCommand())
  it.addCommand(whoCommand())
  it.addCommand(benchCommand())
  return it
}

const AFTER_HELP = `
Exit codes:
  0  done; of a doctor: nothing worse than warnings
  1  something is bad, cannot be reached, or the outcome is a failure
  2  the command line is not understood, or lacks something; nothing was done
  3  nothing came in time

Not installed? npx @server-events/cli doctor redis://127.0.0.1:6379`

/** A command with what all of them take. */
function command(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .exitOverride()
    .configureOutput(silent)
    .configureHelp({ helpWidth: width(100) })
    .addOption(
      new Option(
        '--url <url>',
        'the server: redis://, rediss://, redis+cluster://, rediss+cluster://, nats://, tls:// or postgres://, with user:password@ if need be',
      ).env('SERVER_EVENTS_URL'),
    )
    .option('--prefix <prefix>', 'option prefix of your transport, if you gave one')
    .addOption(
      new Option('--channels <mode>', 'option channels of your RedisTransport, if you gave one').choices([
        'pattern',
        'name',
        'id',
      ]),
    )
    .option('--json', 'print JSON for programs')
}

function doctorCommand(): Command {
  return command('doctor', 'Looks for whatever would lose, delay or refuse events, and says what to do about it.')
    .argument('[url]', 'the server, instead of --url')
    .option('--name <name...>', 'event names whose channels and keys are tried; nobody hears of it')
    .addOption(
      new Option('--side <side>', 'try only what a process needs that emits, or one that waits').choices([
        'emit',
        'wait',
      ]),
    )
    .option('--no-keep', 'no outcomes are kept: do not try keys')
    .option('--max-payload <bytes>', 'option maxPayload of your ServerEvents', count, 1_048_576)
    .option(
      '--listen <ms>',
      'how long to listen for processes of server-events 1.x; 0: not at all',
      durationOrNone,
      1_000,
    )
    .action((url: string | undefined, flags: DoctorFlags) => doctor(url === undefined ? flags : { ...flags, url }))
}

function waitCommand(): Command {
  return command('wait', 'Waits for one event, or its kept outcome, and prints its arguments, a line of JSON for each.')
    .argument('<name>', 'name of the event')
    .argument('<id>', 'its id')
    .option('--timeout <ms>', 'how long to wait', duration, 10_000)
    .option('--no-recall', 'only what comes from now on: do not look for a kept outcome')
    .action(wait)
}

function emitCommand(): Command {
  return command('emit', 'Emits an event to all who wait for it or listen.')
    .argument('<name>', 'name of the event')
    .argument('<id>', 'its id')
    .argument('[json...]', `its arguments, each as JSON: 42, '{"pages":3}', '"text"'`)
    .option('--keep <ms>', 'keep it for those who wait later', duration)
    .option('--once', 'with --keep: refuse it where another outcome of the id is kept')
    .action(emit)
}

function failCommand(): Command {
  return command('fail', 'Rejects all who wait for an event, as a worker does that cannot do its work.')
    .argument('<name>', 'name of the event')
    .argument('<id>', 'its id')
    .argument('<message>', 'message of the error')
    .option('--name <name>', 'name of the error', 'Error')
    .option('--code <code>', 'code of the error')
    .option('--data <json>', 'data of the error')
    .option('--keep <ms>', 'keep the failure for those who wait later', duration)
    .option('--once', 'with --keep: refuse it where another outcome of the id is kept')
    .action(fail)
}

function tailCommand(): Command {
  return command(
    'tail',
    'Prints events as they come: name, id, size, headers, and how long they travelled if they say when they left.',
  )
    .argument('<name...>', 'names of events')
    .option('--args', 'print the arguments as well')
    .option('--count <n>', 'end after so many', count)
    .action(tail)
}

function peekCommand(): Command {
  return command('peek', 'Prints the arguments of a kept outcome, without waiting.')
    .argument('<name>', 'name of the event')
    .argument('<id>', 'its id')
    .action(peek)
}

function forgetCommand(): Command {
  return command('forget', 'Removes a kept outcome; asks first.')
    .argument('<name>', 'name of the event')
    .argument('<id>', 'its id')
    .option('--yes', 'do not ask; where there is no terminal to ask at, it has to be given')
    .action(forget)
}

function whoCommand(): Command {
  return command('who', 'Counts who listens and waits, by name, and what is kept. Redis only.')
    .argument('[name...]', 'names to ask for: one that is waited for by pattern is not seen otherwise')
    .option('--max-keys <n>', 'how many keys and channels to look at on each node', count, 100_000)
    .action(who)
}

function benchCommand(): Command {
  return command(
    'bench',
    'Sends events at a steady rate and measures how long they take to whoever waits, and how many are lost.',
  )
    .option('--rate <n>', 'events per second', count, 100)
    .option('--duration <ms>', 'for how long', duration, 10_000)
    .option('--timeout <ms>', 'when an event counts as lost', duration, 5_000)
    .option('--size <bytes>', 'of the argument of each event', count, 100)
    .option('--keep <ms>', 'keep each for so long', duration)
    .option('--name <name>', 'name of the events; all who listen to it hear them', 'server-events-bench')
    .action(bench)
}

const duration = (text: string): number => refusing(() => parseMs(text))
const durationOrNone = (text: string): number => refusing(() => parseMs(text, 0))
const count = (text: string): number => refusing(() => parseCount(text))

/** So that commander names the option. */
function refusing<T>(parse: () => T): T {
  try {
    return parse()
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message)
  }
}
