import type { L2LogicalTime, L2Mark } from './contract.js';
import { type MemoryNode, NAME } from './memory-node.js';
import type { MemorySpace } from './memory-space.js';
import { checkDuration, checkGeneration, checkNames } from './validate.js';

/** Logical time of a store in memory. */
export function memoryTime(node: MemoryNode): L2LogicalTime {
  return {
    marks(namespace, tags, options) {
      return node.call(namespace, [], options, (space) => {
        checkNames(NAME, 'tag', tags);
        if (options.ensureMs !== undefined) checkDuration(NAME, 'ensureMs', options.ensureMs);
        const { generation, mark } = clockOf(space, options.known);
        for (const tag of options.ensureMs === undefined ? [] : tags) {
          const known = markOf(space, tag) ?? { mark: { dead: generation, stale: generation }, goneAt: 0 };
          known.goneAt = Math.max(known.goneAt, space.store.now() + (options.ensureMs ?? 0));
          space.state.marks.set(tag, known);
        }
        return { generation, namespace: mark, tags: tags.map((tag) => markOf(space, tag)?.mark) };
      });
    },

    advance(namespace, tags, mode, options) {
      return node.call(namespace, [], options, (space) => {
        checkNames(NAME, 'tag', tags ?? []);
        const clock = clockOf(space, options.known);
        // Not just one more: what the store hands out after a loss has to be above this.
        const generation = space.store.nextNumber(clock.generation);
        clock.generation = generation;
        if (tags === null) clock.mark = { ...clock.mark, [mode]: generation };
        for (const tag of tags ?? []) {
          const known = markOf(space, tag);
          if (known !== undefined) known.mark = { ...known.mark, [mode]: generation };
        }
        space.publish({ type: 'marks', tags, mode, generation });
        return generation;
      });
    },
  };
}

function clockOf({ state, store }: MemorySpace, known: number): { generation: number; mark: L2Mark } {
  checkGeneration(NAME, known);
  if (state.clock === undefined) {
    const generation = store.nextNumber(known);
    state.clock = { generation, mark: { dead: generation, stale: generation } };
  }
  state.clock.generation = Math.max(state.clock.generation, known);
  return state.clock;
}

function markOf({ state, store }: MemorySpace, tag: string): { mark: L2Mark; goneAt: number } | undefined {
  const mark = state.marks.get(tag);
  return mark !== undefined && mark.goneAt > store.now() ? mark : undefined;
}
