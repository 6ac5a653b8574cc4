/** A stage's share of the make jobs: `jobs` of them, and possibly more while it runs. */
export interface JobLease {
  readonly jobs: number;
  /** Sets the listener that is called for each additional job. Jobs are kept until the lease is released. */
  onMore(listener: () => void): void;
  release(): void;
}

/**
 * Shares make jobs between concurrent stages. Each stage has at least one job; jobs that no waiting stage can use go to
 * running stages. A stage keeps its jobs until it ends, which is also when other stages become ready.
 */
export class JobPool {
  #free: number;
  readonly #running: Lease[] = [];

  constructor(total: number) {
    this.#free = total;
  }

  /** The number of jobs that no stage has. */
  get free(): number {
    return this.#free;
  }

  /** Leases a fair share to one of the `ready` stages that could start now. Requires a free job. */
  lease(ready: number): JobLease {
    const jobs = Math.max(1, Math.floor(this.#free / Math.max(1, ready)));
    this.#free -= jobs;
    const lease = new Lease(jobs, () => {
      this.#free += lease.jobs;
      this.#running.splice(this.#running.indexOf(lease), 1);
    });
    this.#running.push(lease);
    return lease;
  }

  /** Gives the free jobs to running stages, to those with the fewest first. Call it when no stage can start. */
  spread(): void {
    while (this.#free > 0) {
      const [poorest] = [...this.#running].sort((a, b) => a.jobs - b.jobs);
      if (poorest === undefined) return;
      this.#free -= 1;
      poorest.add();
    }
  }
}

class Lease implements JobLease {
  jobs: number;
  #listener: () => void = () => undefined;
  #release: (() => void) | undefined;

  constructor(jobs: number, release: () => void) {
    this.jobs = jobs;
    this.#release = release;
  }

  onMore(listener: () => void): void {
    this.#listener = listener;
  }

  add(): void {
    this.jobs += 1;
    this.#listener();
  }

  release(): void {
    this.#release?.();
    this.#release = undefined;
  }
}
