import { L2UnavailableError } from '@tierwise/l2';
import { MemoryStore, memoryL2 } from '@tierwise/l2/memory';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { down, LIFE, SPACE } from '../test/cluster.js';
import { HeldL2 } from '../test/held-l2.js';
import { ManualClock, settle } from '../test/manual-clock.js';
import { opened, putRecord, quick } from '../test/phases.js';
import type { MigratingL2 } from './index.js';
import { RecordStore } from './record-store.js';

const NAMESPACE = 'tierwise-migration:default';
const bytes = new TextEncoder().encode('value');

let stores: { from: MemoryStore; to: MemoryStore };
let clock: ManualClock;
let open: MigratingL2[];
beforeEach(() => {
  stores = { from: new MemoryStore(), to: new MemoryStore() };
  clock = new ManualClock();
  open = [];
});
afterEach(async () => {
  await Promise.all(open.map((l2) => l2.close()));
});

async function start(): Promise<{ l2: MigratingL2; from: HeldL2; to: HeldL2 }> {
  const [from, to] = [new HeldL2(memoryL2(stores.from)), new HeldL2(memoryL2(stores.to))];
  const l2 = quick(from.l2, to.l2, { clock, trustFor: 600, callTimeout: 400 });
  open.push(l2);
  return { l2, from, to };
}

async function put(side: 'from' | 'to', ...record: [phase: 'joining' | 'moving' | 'to', epoch: number]): Promise<void> {
  const writer = await opened(memoryL2(stores[side]));
  await putRecord(writer, record[0], 0, record[1]);
  await writer.close();
}

async function recordIn(side: 'from' | 'to') {
  const l2 = await opened(memoryL2(stores[side]));
  const { record } = await new RecordStore({ from: l2, to: l2 }, 'default').read('from');
  await l2.close();
  return record;
}

describe('what is not known is not acted upon', () => {
  test('the old store is away for longer than the phase is relied on: calls reject, and L2 is down', async () => {
    await put('from', 'moving', 7);
    const { l2, from } = await start();
    await opened(l2);
    from.down(down);
    await clock.advance(700);
    const reading = l2.read(SPACE, ['k']);
    const failing = expect(reading).rejects.toBeInstanceOf(L2UnavailableError);
    await clock.advance(1_000);
    await failing;
    expect((await l2.health()).status).toBe('down');
  });

  test('this process stood still: the phase is asked for before anything is done', async () => {
    await put('from', 'joining', 7);
    const { l2, to } = await start();
    await opened(l2);
    await l2.read(SPACE, ['k']);
    // Meanwhile values move, and another node has put one into the new store.
    clock.freeze(10_000);
    await put('from', 'moving', 8);
    await l2.delete(SPACE, ['k']);
    expect(l2.migration.phase).toBe('moving');
    expect(to.calls).toContain('delete');
  });

  test('a call that was begun long ago is rejected, whatever came of it', async () => {
    await put('from', 'moving', 7);
    const { l2, to } = await start();
    await opened(l2);
    await l2.read(SPACE, ['k']);
    const held = to.hold('delete');
    const deletion = l2.delete(SPACE, ['k']);
    await held.arrived;
    clock.freeze(401);
    held.go();
    await expect(deletion).rejects.toMatchObject({ code: 'ERR_TIERWISE_L2_TIMEOUT' });
  });

  test('a call on a store that hangs ends at its time limit', async () => {
    await put('from', 'moving', 7);
    const { l2, to } = await start();
    await opened(l2);
    await l2.read(SPACE, ['k']);
    const held = to.hold('delete');
    const failing = expect(l2.delete(SPACE, ['k'])).rejects.toMatchObject({ code: 'ERR_TIERWISE_L2_TIMEOUT' });
    await held.arrived;
    await clock.advance(400);
    await failing;
    held.go();
  });

  test('bytes that cannot be read are not replaced: perhaps a later release wrote them', async () => {
    const writer = await opened(memoryL2(stores.from));
    await writer.write(NAMESPACE, [{ key: 'record', bytes, ...LIFE }]);
    const { l2 } = await start();
    const opening = expect(opened(l2)).rejects.toBeInstanceOf(L2UnavailableError);
    await clock.advance(1_000);
    await opening;
    const [read] = await writer.read(NAMESPACE, ['record']);
    expect(read?.status === 'found' && [...read.bytes]).toEqual([...bytes]);
    await writer.close();
  });
});

describe('the record', () => {
  test('is made where there is none, and all nodes find the same', async () => {
    const [one, other] = [await start(), await start()];
    await Promise.all([opened(one.l2), opened(other.l2)]);
    expect([one.l2.migration.phase, other.l2.migration.phase]).toEqual(['from', 'from']);
    expect((await recordIn('from'))?.epoch).toBe(1);
  });

  test('is not made while the new store cannot be asked: it may have a copy', async () => {
    await put('to', 'moving', 9);
    const { l2, to } = await start();
    to.down(down);
    const opening = expect(opened(l2)).rejects.toBeInstanceOf(L2UnavailableError);
    await clock.advance(1_000);
    await opening;
    to.down(undefined);
    await l2.migration.refresh();
    expect(l2.migration.phase).toBe('moving');
  });

  test.each(['lost', 'older'])('that is %s is put right by who knows better', async (how) => {
    await put('from', 'moving', 8);
    const { l2 } = await start();
    await opened(l2);
    if (how === 'lost') stores.from.namespace(NAMESPACE).entries.clear();
    else await put('from', 'joining', 7);
    expect(await l2.migration.refresh()).toBe('moving');
    expect(await recordIn('from')).toMatchObject({ epoch: 8, phase: 'moving' });
  });

  test('that is lost is put right by the copy', async () => {
    await put('to', 'moving', 8);
    const { l2 } = await start();
    await opened(l2);
    expect(l2.migration.phase).toBe('moving');
    expect(await recordIn('from')).toMatchObject({ epoch: 8 });
  });

  test('says "to": the old store may go, for those who know and for those who start', async () => {
    await put('from', 'to', 9);
    const first = await start();
    await opened(first.l2);
    expect(await recordIn('to')).toMatchObject({ phase: 'to' });
    first.from.down(down);
    await clock.advance(60_000);
    await first.l2.write(SPACE, [{ key: 'k', bytes, ...LIFE }]);
    const later = await start();
    later.from.down(down);
    await opened(later.l2);
    expect((await later.l2.read(SPACE, ['k']))[0]?.status).toBe('found');
  });

  test('is heard of at once, not when it is asked for next', async () => {
    await put('from', 'joining', 7);
    const { l2 } = await start();
    await opened(l2);
    await put('from', 'moving', 8);
    await settle();
    expect(l2.migration.phase).toBe('moving');
  });
});

test('the new store is away: as long as it is not needed, that does not matter', async () => {
  const { l2, to } = await start();
  await opened(l2);
  to.down(down);
  await l2.write(SPACE, [{ key: 'k', bytes, ...LIFE }]);
  await clock.advance(5_000);
  expect((await l2.read(SPACE, ['k']))[0]?.status).toBe('found');
  expect((await l2.health()).status).toBe('up');
});

test('after close nothing is left: no timer that asks, no call that waits', async () => {
  const { l2, from } = await start();
  await opened(l2);
  await l2.close();
  const calls = from.calls.length;
  await clock.advance(10_000);
  expect(from.calls.length).toBe(calls);
  expect(clock.pending).toBe(0);
});
