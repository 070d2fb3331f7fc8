import { expect, test } from 'vitest';
import { type Birth, KEYS, TAGS, tagsOf, turn, World } from '../test/random-world.js';

/**
 * Laws 1 and 2 under random interleavings. Two nodes on one store do random things; every call to L2 (on its way out and on its way
 * back), every message of the feed and every load's end is a step, and a seed decides which step is next. Answers get lost, the
 * feed is lost and comes back, and L2 forgets its logical time. A failure names its seed: `SEEDS=n,1` runs that one alone and prints what happened.
 */
const [FIRST, COUNT] = (process.env.SEEDS ?? '1,120').split(',').map(Number) as [number, number];
const STEPS = 160;

/** Begins something on some node. */
function begin(world: World): void {
  const node = world.pick(world.nodes);
  const { cache, load } = node;
  const key = world.pick(KEYS);
  const tag = world.pick(TAGS);
  const mode = world.pick(['delete', 'expire'] as const);
  const options = { tags: tagsOf(key) };
  const ofKey = (birth: Birth) => birth.key === key;
  const both = (value: unknown) => [value];
  const set = () => {
    const never = Number.POSITIVE_INFINITY;
    const birth: Birth = { key, tags: options.tags, at: never, until: never, setBy: node };
    const n = world.births.push(birth) - 1;
    node.write(`set #${n}`, [key], ofKey, () => cache.set(key, { n }, options), n);
  };
  const reads = [
    () => node.read('get', [key], () => cache.get(key).then(both)),
    () => node.read('getOrSet', [key], () => cache.getOrSet(key, load, options).then(both)),
    () => node.read('getOrSet', [key], () => cache.getOrSet(key, load, options).then(both)),
    () => node.read('refresh', [key], () => cache.refresh(key, load, options).then(both)),
    () => node.read('getMany', KEYS, () => cache.getMany(KEYS)),
    () => node.read('leave', [key], () => cache.get(key, { signal: leaving() }).then(both)),
  ];
  const leaving = () => {
    const abort = new AbortController();
    world.at(`${node.name} leaves`).then(() => abort.abort(new Error('lost interest')));
    return abort.signal;
  };
  const writes = [
    set,
    set,
    () => node.write('delete', [key], ofKey, () => cache.delete(key)),
    () => node.write('expire', [key], ofKey, () => cache.expire(key)),
    () =>
      node.write(
        'touch',
        [key],
        () => false,
        () => cache.touch(key),
      ),
    () =>
      node.write(
        `tag ${tag} ${mode}`,
        KEYS,
        ({ tags }) => tags.includes(tag),
        () => cache.invalidateTags([tag], { mode }),
      ),
    () =>
      node.write(
        `clear ${mode}`,
        KEYS,
        () => true,
        () => cache.clear({ mode }),
      ),
  ];
  if (world.chance(0.03)) node.flap(!node.alive);
  else if (world.hasOutages && world.chance(node.isCut ? 0.12 : 0.06)) node.cut(!node.isCut);
  else if (world.chance(0.02)) world.store.forgetTime('test', world.pick(['counter', 'tags', 'both'] as const));
  else world.pick(world.chance(0.62) ? reads : writes)();
}

async function play(seed: number): Promise<World> {
  const world = new World(seed);
  await turn();
  for (let step = 0; step < STEPS; step += 1) {
    if (world.steps.length < 2 || world.chance(0.25)) begin(world);
    await world.step();
    // Time enough for what was lost to be tried again, in the middle of everything else.
    if (world.chance(world.hasOutages ? 0.06 : 0.03)) await world.wait(150);
    if (world.isAgeing && world.chance(0.04)) await world.wait(1_000);
  }
  for (const node of world.nodes) {
    node.cut(false);
    node.flap(true);
  }
  world.lossy = 0;
  await world.drain();
  await world.recover();
  for (const key of KEYS) {
    for (const node of world.nodes) node.read('last get', [key], () => node.cache.get(key).then((value) => [value]));
    await world.drain();
  }
  for (const { cache, name } of world.nodes) {
    const { underWay, loads } = cache.stats();
    if (underWay.flights + underWay.tokens > 0) world.faults.push(`${name}: ${JSON.stringify(underWay)} left`);
    if (loads.started !== loads.stored + loads.fenced + loads.uncached + loads.failed)
      world.faults.push('loads do not add up');
    await cache.close();
  }
  if (world.clock.timers > 0) world.faults.push(`${world.clock.timers} timers left`);
  return world;
}

test(`${COUNT} random interleavings: nothing invalidated is served, nothing is loaded twice, nothing is left over`, async () => {
  for (let seed = FIRST; seed < FIRST + COUNT; seed += 1) {
    const { faults, log } = await play(seed);
    if (faults.length > 0) expect.fail(`seed ${seed}:\n${faults.join('\n')}\n${COUNT === 1 ? log.join('\n') : ''}`);
  }
}, 600_000);
