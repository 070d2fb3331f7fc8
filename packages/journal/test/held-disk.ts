import { type Disk, nodeDisk } from '../src/disk.js';

/** The real disk, but a test can make its writes wait, or fail. */
export class HeldDisk {
  /** Writes of frames (not of headers) that were begun, by their size. */
  readonly writes: number[] = [];
  syncs = 0;
  directorySyncs = 0;
  /** What every write of frames and every new file is answered with, while it is set. */
  error: Error | undefined;
  #isHeld = false;
  readonly #held = new Set<() => void>();
  readonly #watching = new Set<() => void>();

  hold(): void {
    this.#isHeld = true;
  }

  release(): void {
    this.#isHeld = false;
    for (const go of this.#held) go();
    this.#held.clear();
  }

  /** Resolves when so many writes have begun. */
  begun(writes: number): Promise<void> {
    return new Promise((resolve) => {
      const check = () => {
        if (this.writes.length < writes) return;
        this.#watching.delete(check);
        resolve();
      };
      this.#watching.add(check);
      check();
    });
  }

  readonly disk: Disk = {
    ...nodeDisk,
    syncDirectory: async (path) => {
      this.directorySyncs += 1;
      await nodeDisk.syncDirectory(path);
    },
    create: async (path) => {
      if (this.error !== undefined) throw this.error;
      const file = await nodeDisk.create(path);
      return {
        ...file,
        write: async (bytes, position) => {
          if (position > 0) {
            this.writes.push(bytes.byteLength);
            for (const check of this.#watching) check();
            if (this.#isHeld) await new Promise<void>((resolve) => this.#held.add(resolve));
          }
          if (this.error !== undefined) {
            await file.write(bytes.subarray(0, bytes.length / 2), position);
            throw this.error;
          }
          await file.write(bytes, position);
        },
        sync: async () => {
          this.syncs += 1;
          await file.sync();
        },
      };
    },
  };
}
