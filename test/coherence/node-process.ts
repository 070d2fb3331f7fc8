/** One node: reads at random through the cache under test, carries orders out, and tells of everything it does. */
import { breakFence } from './breaks.js';
import { now, type Read, type Value } from './history.js';
import { ALL_KEYS, pickKey, pickKeys, tagsOf } from './keys.js';
import type { FromNode, NodeConfig, NodeLog, ToNode } from './node-protocol.js';
import { Random } from './random.js';
import { type ReadCall, type Subject, type SubjectModule, sharesClock } from './subject.js';

const READERS = 3;
const LONGEST_PAUSE_MS = 8;
const LOG_EVERY_MS = 50;
/** A pause of the event loop that is longer counts as a stall. */
const STALL_MS = 40;
const STALL_STEP_MS = 10;
/** A call that takes longer has hung. */
const HANG_MS = 15_000;

const CALLS: Readonly<Record<ReadCall, number>> = {
  getOrSet: 60,
  getOrSetMany: 10,
  get: 10,
  getMany: 5,
  getEntry: 10,
  peek: 5,
};

type Reads = { -readonly [K in keyof Omit<Read, 'life'>]: Omit<Read, 'life'>[K] };

const config = JSON.parse(process.argv[2] ?? '') as NodeConfig;
const random = new Random(`${config.seed} ${config.life}`);
let log = emptyLog();
let reading = true;

function emptyLog(): {
  reads: Reads[];
  feed: NodeLog['feed'][number][];
  recovered: number[];
  stalls: NodeLog['stalls'][number][];
} {
  return { reads: [], feed: [], recovered: [], stalls: [] };
}

function tell(message: FromNode): void {
  // The other side may have gone a moment ago.
  process.send?.(message, () => {});
}

function flushLog(): void {
  if (Object.values(log).every(({ length }) => length === 0)) return;
  const flushed = log;
  log = emptyLog();
  tell({ type: 'log', ...flushed });
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function withinLimit<T>(work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`hung for ${HANG_MS} ms`)), HANG_MS);
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

const loading = new Map<number, (version: number) => void>();
let loads = 0;

async function load(key: string): Promise<Value> {
  loads += 1;
  const id = loads;
  const version = await new Promise<number>((resolve) => {
    loading.set(id, resolve);
    tell({ type: 'load', id, key });
  });
  return { key, version, from: `load ${config.life}.${id}` };
}

async function read(subject: Subject, call: ReadCall, keys: readonly string[]): Promise<void> {
  const begin = now();
  try {
    const answers = await withinLimit(subject.read(call, keys));
    const end = now();
    for (const [index, key] of keys.entries()) {
      log.reads.push({ call, key, begin, end, value: answers[index]?.value, tier: answers[index]?.tier });
    }
  } catch (error) {
    log.reads.push({ call, key: keys[0] ?? '', begin, end: now(), value: undefined, error: String(error) });
  }
}

async function readForEver(subject: Subject): Promise<void> {
  while (reading) {
    const call = random.weighted(CALLS);
    const keys = call.endsWith('Many') ? pickKeys(random, 2 + random.below(5)) : [pickKey(random)];
    await read(subject, call, keys);
    await sleep(random.between(0, LONGEST_PAUSE_MS));
  }
}

async function carryOut(subject: Subject, { id, order }: Extract<ToNode, { type: 'order' }>): Promise<void> {
  const begin = now();
  let error: string | undefined;
  let deferredAt: number | undefined;
  const onDeferred = () => {
    deferredAt ??= now();
  };
  try {
    await withinLimit(subject.invalidate(order, onDeferred));
  } catch (reason) {
    error = String(reason);
  }
  const end = now();
  // Whoever invalidated is the first to look.
  const [key] = 'keys' in order ? order.keys : 'values' in order ? order.values.map((value) => value.key) : [];
  void read(subject, 'peek', [key ?? pickKey(random)]);
  void read(subject, 'getOrSet', [key ?? pickKey(random)]);
  tell({ type: 'ordered', id, begin, end, error, deferredAt });
}

async function finish(subject: Subject, readers: Promise<void>): Promise<void> {
  reading = false;
  await readers;
  await Promise.all(ALL_KEYS.map((key) => read(subject, 'getOrSet', [key])));
  await Promise.race([subject.close(), sleep(5_000)]);
  flushLog();
  tell({ type: 'finished' });
}

function watchForStalls(): void {
  let last = now();
  setInterval(() => {
    const at = now();
    if (at - last > STALL_STEP_MS + STALL_MS) log.stalls.push({ from: last, to: at });
    last = at;
  }, STALL_STEP_MS).unref();
}

/** The wall clock is another one on every machine. */
function shiftWallClock(aheadMs: number): void {
  const trueNow = Date.now.bind(Date);
  Date.now = () => trueNow() + aheadMs;
}

process.on('disconnect', () => process.exit());
if (!sharesClock(config.l2)) shiftWallClock(config.clockAheadMs);
for (const name of config.breaks) await breakFence(name);
const { open } = (await import(config.subject)) as SubjectModule;
watchForStalls();
setInterval(flushLog, LOG_EVERY_MS);
const waiting: ToNode[] = [];
let handle = (message: ToNode): void => void waiting.push(message);
process.on('message', (message: ToNode) => {
  if (message.type === 'loaded') {
    loading.get(message.id)?.(message.version);
    loading.delete(message.id);
  } else {
    handle(message);
  }
});
const subject = await open({
  l2: config.l2,
  load,
  tagsOf,
  onFeedState: (state) => log.feed.push({ at: now(), state }),
  onRecovered: () => log.recovered.push(now()),
  dir: config.dir,
  clockAheadMs: config.clockAheadMs,
});
tell({ type: 'ready' });
const readers = Promise.all(Array.from({ length: READERS }, () => readForEver(subject))).then(() => {});
handle = (message) => {
  if (message.type === 'order') void carryOut(subject, message);
  else if (message.type === 'finish') void finish(subject, readers).then(() => process.disconnect());
};
for (const message of waiting) handle(message);
