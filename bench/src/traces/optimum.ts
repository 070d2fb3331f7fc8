/**
 * The hits of Bélády's optimum (1966): lets go of what is needed again the latest, or does not even store it, which takes knowing
 * the future. No policy can have more.
 */
export function optimalHits(trace: Uint32Array, capacity: number, keys: number): number {
  const NEVER = trace.length;
  const nextUse = nextUses(trace, keys);
  const held = new Uint8Array(keys);
  // A heap of when the held keys are needed next, the latest on top. Times that have passed are smaller than all others, so they sink
  // and need not be taken out.
  let heap = new Float64Array(1_024);
  let heapSize = 0;
  let size = 0;
  let hits = 0;

  const push = (time: number): void => {
    if (heapSize === heap.length) {
      const larger = new Float64Array(heap.length * 2);
      larger.set(heap);
      heap = larger;
    }
    let at = heapSize++;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if ((heap[parent] as number) >= time) break;
      heap[at] = heap[parent] as number;
      at = parent;
    }
    heap[at] = time;
  };

  const pop = (): number => {
    const top = heap[0] as number;
    const time = heap[--heapSize] as number;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heapSize) break;
      if (child + 1 < heapSize && (heap[child + 1] as number) > (heap[child] as number)) child++;
      if ((heap[child] as number) <= time) break;
      heap[at] = heap[child] as number;
      at = child;
    }
    heap[at] = time;
    return top;
  };

  for (let now = 0; now < trace.length; now++) {
    const key = trace[now] as number;
    const nextOrNever = nextUse[now] as number;
    const next = nextOrNever === NEVER ? NEVER + key : nextOrNever;
    if (held[key] === 1) {
      hits++;
    } else if (size < capacity) {
      size++;
      held[key] = 1;
    } else if (next < (heap[0] as number)) {
      const latest = pop();
      held[latest >= NEVER ? latest - NEVER : (trace[latest] as number)] = 0;
      held[key] = 1;
    }
    if (held[key] === 1) push(next);
  }
  return hits;
}

/** For each access, when its key is asked for again: the trace's length for never. */
function nextUses(trace: Uint32Array, keys: number): Uint32Array {
  const nextUse = new Uint32Array(trace.length);
  const seen = new Uint32Array(keys).fill(trace.length);
  for (let now = trace.length - 1; now >= 0; now--) {
    const key = trace[now] as number;
    nextUse[now] = seen[key] as number;
    seen[key] = now;
  }
  return nextUse;
}
