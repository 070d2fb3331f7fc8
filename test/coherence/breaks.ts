/**
 * Takes a fence out of a built hierarchy, or a migration, in this process alone, to show that the checker sees what it is there for. It reaches
 * into modules that the package does not export: they are no part of its interface.
 */

type Methods = Record<string, (this: object, ...args: never[]) => unknown>;
type Patch = (methods: Methods) => void;

const BREAKS: Readonly<
  Record<string, { entry: string; module: string; patch: (exports: Record<string, { prototype: Methods }>) => void }>
> = {
  /** Reads and loads under way are not told of invalidations: what they found before fills L1 after. */
  doom: on('fence', 'Token', (token) => {
    token['doom'] = () => {};
  }),
  /** A load fills L2 whatever has become of its lease. */
  lease: on('l2-guard', 'L2Guard', (guard) => {
    const fill = guard['fill'] as (this: object, namespace: string, write: object) => unknown;
    guard['fill'] = function (namespace: string, write: object) {
      return fill.call(this, namespace, { ...write, lease: undefined });
    };
  }),
  /** Whatever its tags' marks say, a value is alive. */
  marks: on('logical-time', 'LogicalTime', (time) => {
    time['judge'] = () => 'alive';
  }),
  /** What peers say is not heard. */
  news: on('feed', 'FeedWatch', (feed) => {
    feed['onNews'] = () => {};
  }),
  /** Once the feed was alive, it counts as alive for good. */
  deaf: on('feed', 'FeedWatch', (feed) => {
    const onState = feed['onState'] as (this: object, state: string) => void;
    const told = new WeakSet<object>();
    feed['onState'] = function (this: object, state: string) {
      if (told.has(this)) return;
      if (state === 'alive') told.add(this);
      onState.call(this, state);
    };
  }),
  /** An invalidation of a key, heard of or done here, leaves what is held and under way alone. */
  drop: on('space', 'Space', (space) => {
    space['invalidate'] = () => {};
  }),
  /** What makes values invalid is told to one of the two stores of a migration only. */
  follower: on(
    'calls',
    'Calls',
    (calls) => {
      const run = calls['run'] as (this: object, operation: string, ...rest: unknown[]) => unknown;
      calls['run'] = function (this: object, operation: string, namespace: string, options: object, work: Work) {
        const alone: Work = (route) => work({ ...route, duties: { ...route.duties, follower: undefined } });
        return run.call(this, operation, namespace, options, ORDERS.includes(operation) ? alone : work);
      } as Methods[string];
    },
    '@tierwise/l2-migration',
  ),
  /** What L1 holds when a migration moves on is held on. */
  phase: on(
    'feed',
    'FeedOfBoth',
    (feed) => {
      feed['changed'] = () => {};
    },
    '@tierwise/l2-migration',
  ),
};

type Work = (route: { readonly duties: object }) => unknown;
const ORDERS: readonly string[] = ['delete', 'expire', 'advance'];

export const BREAK_NAMES: readonly string[] = Object.keys(BREAKS);

function on(module: string, exported: string, patch: Patch, entry = '@tierwise/hierarchy') {
  return {
    entry,
    module,
    patch: (exports: Record<string, { prototype: Methods }>) => {
      const methods = exports[exported]?.prototype;
      if (methods === undefined) throw new Error(`${module}.js has no ${exported} any more`);
      const before = { ...Object.getOwnPropertyDescriptors(methods) };
      patch(methods);
      for (const name of Object.keys(methods)) {
        if (!(name in before)) throw new Error(`${exported} has no ${name}() any more`);
      }
    },
  };
}

/** To be called before a hierarchy is made. */
export async function breakFence(name: string): Promise<void> {
  const found = BREAKS[name];
  if (found === undefined) throw new Error(`there is no fence ${name}; there are ${BREAK_NAMES.join(', ')}`);
  const entry = import.meta.resolve(found.entry);
  found.patch(await import(new URL(`./${found.module}.js`, entry).href));
}
