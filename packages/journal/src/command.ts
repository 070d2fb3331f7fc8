import { parseArgs } from 'node:util';
import type { JournalEntry } from '@tierwise/hierarchy';
import { codeOf } from './errors.js';
import { type InspectedLog, type InspectedSegment, inspectLog } from './inspect.js';

/** Where a command writes, line by line. */
export interface Output {
  readonly out: (line: string) => void;
  readonly err: (line: string) => void;
}

const USAGE = `usage: tierwise-journal list <directory>    what is in a journal, but for the values
       tierwise-journal verify <directory>  checks every checksum; exits with 1 if anything is wrong

Both only read; the journal may be in use.`;

/** The command line. @returns the exit code: 0 all is well, 1 there is damage, 2 the command could not be done. */
export async function run(args: readonly string[], output: Output): Promise<number> {
  const [command, directory] = understand(args, output);
  if (command === 'help') {
    output.out(USAGE);
    return 0;
  }
  if (directory === undefined) return 2;
  try {
    const log = await inspectLog(directory);
    return command === 'list' ? list(log, output) : verify(log, output);
  } catch (error) {
    output.err(`${directory}: ${explain(error)}`);
    return 2;
  }
}

/** The command and its directory; without one, the reason has been said. */
function understand(args: readonly string[], { err }: Output): [command: string, directory?: string] {
  const usage = (what: string): [string] => {
    err(`${what}\n\n${USAGE}`);
    return ['usage'];
  };
  try {
    const options = { help: { type: 'boolean', short: 'h' } } as const;
    const { values, positionals } = parseArgs({ args: [...args], allowPositionals: true, options });
    const [command, directory, ...more] = positionals;
    if (values.help === true || command === 'help') return ['help'];
    if (command !== 'list' && command !== 'verify') return usage(`there is no command ${command ?? ''}`.trim());
    if (directory === undefined || more.length > 0) return usage(`${command} takes one directory`);
    return [command, directory];
  } catch (error) {
    return usage(error instanceof Error ? error.message : String(error));
  }
}

function list({ segments, isSettled }: InspectedLog, { out, err }: Output): number {
  for (const segment of segments) {
    const { name, bytes, content } = segment;
    if (content.status !== 'read') {
      out(`${name}  ${bytes} bytes`);
    } else {
      const begun = content.createdAt === undefined ? '' : `, begun ${time(content.createdAt)}`;
      out(`${name}  ${bytes} bytes${begun}, ${content.entries.length} records`);
      for (const entry of content.entries) out(`  ${describe(entry)}${isSettled(entry) ? '  settled' : ''}`);
    }
    for (const problem of problemsOf(segment)) err(`  ${problem}`);
  }
  out(summary(segments, isSettled));
  return 0;
}

function verify({ segments, isSettled }: InspectedLog, { out, err }: Output): number {
  let problems = 0;
  for (const segment of segments) {
    for (const problem of problemsOf(segment)) {
      problems += 1;
      err(`${segment.name}: ${problem}`);
    }
  }
  out(summary(segments, isSettled));
  out(problems === 0 ? 'every checksum is right' : `${problems} ${problems === 1 ? 'thing is' : 'things are'} wrong`);
  return problems === 0 ? 0 : 1;
}

function problemsOf({ bytes, content }: InspectedSegment): readonly string[] {
  if (content.status === 'newer') return [`version ${content.version} of the format, by a newer Tierwise: not checked`];
  if (content.status === 'foreign') return ['nothing in it can be read'];
  if (content.status === 'begun') return [`${bytes} bytes, no header: its writer died as it began`];
  return content.damages.map((damage) => `${damage.bytes} bytes at ${damage.offset} are damaged: ${damage.detail}`);
}

function summary(segments: readonly InspectedSegment[], isSettled: (entry: JournalEntry) => boolean): string {
  const entries = segments.flatMap(({ content }) => (content.status === 'read' ? content.entries : []));
  const bytes = segments.reduce((sum, segment) => sum + segment.bytes, 0);
  const unsettled = entries.filter((entry) => !isSettled(entry)).length;
  return `${segments.length} segments, ${bytes} bytes, ${entries.length} records, ${unsettled} not settled`;
}

/** Names are quoted as JSON, so that no name can reach the terminal's controls. Values are never shown. */
function describe({ number, record }: JournalEntry): string {
  const start = `${number}  ${time(record.at)}  ${record.op} ${JSON.stringify(record.namespace)}`;
  if (record.op === 'set') return `${start} ${JSON.stringify(record.key)}, ${record.bytes.byteLength} bytes`;
  if (record.op !== 'invalidate') return `${start} ${JSON.stringify(record.key)}`;
  return `${start} ${record.tags === null ? 'all of it' : `tags ${JSON.stringify(record.tags)}`}, ${record.mode}`;
}

function time(at: number): string {
  const date = new Date(at);
  return Number.isNaN(date.getTime()) ? `at ${at}` : date.toISOString();
}

function explain(error: unknown): string {
  const code = codeOf(error);
  if (code === 'ENOENT') return 'there is no such directory';
  if (code === 'ENOTDIR') return 'it is not a directory';
  if (code === 'EACCES') return 'you may not read it; a journal belongs to the user whose process writes it';
  return error instanceof Error ? error.message : String(error);
}
